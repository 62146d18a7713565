import { backendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface CloseComplete {
  readonly kind: 'closeComplete';
}

/** CloseComplete: a Close is done. */
export function encodeCloseComplete(writer: MessageWriter): void {
  writer.bare(backendTag.closeComplete);
}

export function decodeCloseComplete(_buffer: Uint8Array, start: number, end: number): CloseComplete | undefined {
  return isBare(start, end) ? { kind: 'closeComplete' } : undefined;
}
