import type { PgError } from '@multigres/core';
import { BodyReader, BodyWriter } from '../body.ts';
import { decodeError, encodeError } from '../messages.ts';

/** Something that one end of a link wants to know of the other, or wants done, that is no session's: views, commands, cancels. */
export interface Question {
  /** `peer`: the one at the other end. `others`: all other gateways that have a link to the pooler at the other end. */
  readonly to: 'peer' | 'others';
  /** What it is about: names a handler in the `Topics` of who is asked. */
  readonly topic: string;
  readonly body: Uint8Array;
  /** Who has not answered by then counts as missing. */
  readonly deadlineMs: number;
}

/** What one of those asked said, or why there is nothing: refused, did not answer in time, left. `from` is the name of its hello. */
export type Answer =
  | { readonly from: string; readonly body: Uint8Array }
  | { readonly from: string; readonly error: PgError };

/** A question on its way. `id` is the asker's own, and comes back with the answers. */
export interface Ask extends Question {
  readonly id: number;
}

/** An answer on its way; `undefined`: there are no more to this question. */
export interface AnswerTo {
  readonly id: number;
  readonly answer: Answer | undefined;
}

export function encodeAsk({ id, to, topic, deadlineMs, body }: Ask): Uint8Array {
  const writer = new BodyWriter().u32(id).u8(to === 'others' ? 1 : 0);
  return writer.u32(Math.ceil(deadlineMs)).text(topic).rest(body).done();
}

export function decodeAsk(reader: BodyReader): Ask {
  const id = reader.u32();
  const to = reader.u8() === 1 ? 'others' : 'peer';
  const deadlineMs = reader.u32();
  return { id, to, deadlineMs, topic: reader.text(), body: reader.rest() };
}

export function encodeAnswer({ id, answer }: AnswerTo): Uint8Array {
  const writer = new BodyWriter().u32(id);
  if (answer === undefined) return writer.u8(0).done();
  if ('body' in answer) return writer.u8(1).text(answer.from).rest(answer.body).done();
  return writer.u8(2).text(answer.from).rest(encodeError(answer.error)).done();
}

export function decodeAnswer(reader: BodyReader): AnswerTo {
  const id = reader.u32();
  const kind = reader.u8();
  if (kind === 0) return { id, answer: undefined };
  const from = reader.text();
  return { id, answer: kind === 1 ? { from, body: reader.rest() } : { from, error: decodeError(reader) } };
}
