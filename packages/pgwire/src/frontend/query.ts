import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { zeroAt } from '../wire/scan.ts';

export interface Query {
  readonly kind: 'query';
  readonly text: string;
}

/** Query: the simple protocol; any number of statements. */
export function encodeQuery(writer: MessageWriter, text: string): void {
  writer.begin(frontendTag.query);
  writer.cstring(text);
  writer.end();
}

export function decodeQuery(buffer: Uint8Array, start: number, end: number): Query | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const text = reader.cstring();
  return reader.done ? { kind: 'query', text } : undefined;
}

/** Where the text ends (its zero byte), or -1 if malformed; it starts at `start + 5`. */
export function peekQuery(buffer: Uint8Array, start: number, end: number): number {
  return zeroAt(buffer, start + 5, end) === end - 1 ? end - 1 : -1;
}
