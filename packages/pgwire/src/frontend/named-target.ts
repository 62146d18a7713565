import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { zeroAt } from '../wire/scan.ts';

/** What Describe and Close name. */
export type Target = 'statement' | 'portal';

const statementByte = 0x53; // S
const portalByte = 0x50; // P

/** Offsets inside a Describe or Close message. Make one and let the peeks fill it again and again. */
export class TargetPeek {
  target: Target = 'statement';
  nameStart = 0;
  /** The zero byte after the name; equal to `nameStart` for the unnamed one. */
  nameEnd = 0;
}

/** The common body of Describe and Close: a letter and a name. */
export function writeTarget(writer: MessageWriter, tag: number, target: Target, name: string): void {
  writer.begin(tag);
  writer.int8(target === 'statement' ? statementByte : portalByte);
  writer.cstring(name);
  writer.end();
}

export function readTarget(
  buffer: Uint8Array,
  start: number,
  end: number,
): { readonly target: Target; readonly name: string } | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const letter = reader.int8();
  const name = reader.cstring();
  if (!reader.done || (letter !== statementByte && letter !== portalByte)) return undefined;
  return { target: letter === statementByte ? 'statement' : 'portal', name };
}

export function peekTarget(buffer: Uint8Array, start: number, end: number, into: TargetPeek): boolean {
  if (end - start < 7) return false;
  const letter = buffer[start + 5];
  if (letter !== statementByte && letter !== portalByte) return false;
  into.target = letter === statementByte ? 'statement' : 'portal';
  into.nameStart = start + 6;
  into.nameEnd = end - 1;
  return zeroAt(buffer, start + 6, end) === end - 1;
}

/** Copies the message with another name (UTF-8, without zero). False, and nothing written, if it is malformed. */
export function writeTargetRenamed(
  writer: MessageWriter,
  buffer: Uint8Array,
  start: number,
  end: number,
  name: Uint8Array,
): boolean {
  if (end - start < 7 || zeroAt(buffer, start + 6, end) !== end - 1) return false;
  writer.begin(buffer[start] as number);
  writer.int8(buffer[start + 5] as number);
  writer.bytes(name);
  writer.int8(0);
  writer.end();
  return true;
}
