import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

/** 3.0 is spoken since PostgreSQL 7.4; 3.2 (PostgreSQL 18) allows longer cancel keys. */
export interface ProtocolVersion {
  readonly major: number;
  readonly minor: number;
}

export interface StartupMessage {
  readonly kind: 'startup';
  readonly version: ProtocolVersion;
  /** In the order sent; of a name given twice the last value counts, as in PostgreSQL. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** StartupMessage: the first message of a session, without a tag. */
export function encodeStartupMessage(
  writer: MessageWriter,
  version: ProtocolVersion,
  parameters: Iterable<readonly [name: string, value: string]>,
): void {
  writer.beginUntagged();
  writer.int16(version.major);
  writer.int16(version.minor);
  for (const [name, value] of parameters) {
    writer.cstring(name);
    writer.cstring(value);
  }
  writer.int8(0);
  writer.end();
}

/** The inverse; `start` is at the length word. Undefined if the list of parameters does not end with its zero byte at `end`. */
export function decodeStartupMessage(buffer: Uint8Array, start: number, end: number): StartupMessage | undefined {
  const reader = new MessageReader(buffer, start + 4, end);
  const version = { major: reader.uint16(), minor: reader.uint16() };
  const parameters = new Map<string, string>();
  while (reader.ok) {
    const name = reader.cstring();
    if (name === '') break;
    parameters.set(name, reader.cstring());
  }
  return reader.done ? { kind: 'startup', version, parameters } : undefined;
}
