import { frontendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface CopyDone {
  readonly kind: 'copyDone';
}

/** CopyDone: the data are complete. The same in both directions. */
export function encodeCopyDone(writer: MessageWriter): void {
  writer.bare(frontendTag.copyDone);
}

export function decodeCopyDone(_buffer: Uint8Array, start: number, end: number): CopyDone | undefined {
  return isBare(start, end) ? { kind: 'copyDone' } : undefined;
}
