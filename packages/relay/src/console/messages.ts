import { BodyWriter, type BodyReader } from '../body.ts';

/** Topics of an admin console. Who does not know a view or a verb refuses with 0A000. */
export const consoleTopic = {
  /** Body: the view's name. Answer: a table. */
  view: 'view',
  /** Body: a `ConsoleCommand`. Answer: a remark for the user, empty if there is nothing to say. */
  command: 'command',
} as const;

/** Something that a user of an admin console wants done. */
export interface ConsoleCommand {
  readonly verb: ConsoleVerb;
  /** A database, a session's id, a gateway's name; what all are meant by if absent is the verb's. */
  readonly target?: string;
}

export const consoleVerbs = [
  'pause',
  'resume',
  'kill',
  'killClient',
  'reconnect',
  'reload',
  'drain',
  'shutdown',
] as const;
export type ConsoleVerb = (typeof consoleVerbs)[number];

export function encodeViewAsked(name: string): Uint8Array {
  return new BodyWriter().text(name).done();
}

export function decodeViewAsked(reader: BodyReader): string {
  return reader.text();
}

export function encodeConsoleCommand(command: ConsoleCommand): Uint8Array {
  return new BodyWriter().u8(consoleVerbs.indexOf(command.verb)).optionalText(command.target).done();
}

/** Undefined for a verb that we do not know. */
export function decodeConsoleCommand(reader: BodyReader): ConsoleCommand | undefined {
  const verb = consoleVerbs[reader.u8()];
  const target = reader.optionalText();
  return verb && { verb, ...(target !== undefined && { target }) };
}

export function encodeRemark(remark: string): Uint8Array {
  return new BodyWriter().text(remark).done();
}

export function decodeRemark(reader: BodyReader): string {
  return reader.text();
}
