import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { uint16At, zeroAt } from '../wire/scan.ts';

export interface Parse {
  readonly kind: 'parse';
  /** The prepared statement's name; empty for the unnamed one. */
  readonly statement: string;
  readonly query: string;
  /** Type OIDs; 0 leaves a type to the server, as do the missing ones at the end. */
  readonly parameterTypes: readonly number[];
}

/** Parse: prepare a statement. */
export function encodeParse(
  writer: MessageWriter,
  statement: string,
  query: string,
  parameterTypes: readonly number[] = [],
): void {
  writer.begin(frontendTag.parse);
  writer.cstring(statement);
  writer.cstring(query);
  writer.count(parameterTypes.length);
  for (const oid of parameterTypes) writer.int32(oid);
  writer.end();
}

export function decodeParse(buffer: Uint8Array, start: number, end: number): Parse | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const statement = reader.cstring();
  const query = reader.cstring();
  const count = reader.uint16();
  const parameterTypes: number[] = [];
  for (let i = 0; i < count && reader.ok; i++) parameterTypes.push(reader.uint32());
  return reader.done ? { kind: 'parse', statement, query, parameterTypes } : undefined;
}

/** Offsets inside a Parse message. Make one and let `peekParse` fill it again and again. */
export class ParsePeek {
  statementStart = 0;
  /** The zero byte after the name; equal to `statementStart` for the unnamed statement. */
  statementEnd = 0;
  queryStart = 0;
  /** The zero byte after the text. */
  queryEnd = 0;
  /** The first type OID; the count stands in the two bytes before. The OIDs end with the message. */
  typesStart = 0;
  typesCount = 0;
}

/** Finds the parts of a Parse message without making objects; false if it is malformed (what `into` holds then means nothing). */
export function peekParse(buffer: Uint8Array, start: number, end: number, into: ParsePeek): boolean {
  const statementEnd = zeroAt(buffer, start + 5, end);
  if (statementEnd < 0) return false;
  const queryEnd = zeroAt(buffer, statementEnd + 1, end);
  if (queryEnd < 0 || queryEnd + 3 > end) return false;
  into.statementStart = start + 5;
  into.statementEnd = statementEnd;
  into.queryStart = statementEnd + 1;
  into.queryEnd = queryEnd;
  into.typesStart = queryEnd + 3;
  into.typesCount = uint16At(buffer, queryEnd + 1);
  return into.typesStart + 4 * into.typesCount === end;
}

/** Copies a Parse message under another statement name (UTF-8, without zero). False, and nothing written, if it is malformed. */
export function writeParseRenamed(
  writer: MessageWriter,
  buffer: Uint8Array,
  start: number,
  end: number,
  statement: Uint8Array,
): boolean {
  const statementEnd = zeroAt(buffer, start + 5, end);
  if (statementEnd < 0) return false;
  writer.begin(frontendTag.parse);
  writer.bytes(statement);
  writer.bytes(buffer, statementEnd, end);
  writer.end();
  return true;
}
