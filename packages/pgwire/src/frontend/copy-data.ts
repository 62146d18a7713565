import { frontendTag } from '../tags.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface CopyData {
  readonly kind: 'copyData';
  /** A view of the decoded buffer. */
  readonly data: Uint8Array;
}

/** CopyData: a piece of the stream; the boundaries mean nothing when a client sends them. The same in both directions. */
export function encodeCopyData(writer: MessageWriter, data: Uint8Array): void {
  writer.begin(frontendTag.copyData);
  writer.bytes(data);
  writer.end();
}

export function decodeCopyData(buffer: Uint8Array, start: number, end: number): CopyData {
  return { kind: 'copyData', data: buffer.subarray(start + 5, end) };
}
