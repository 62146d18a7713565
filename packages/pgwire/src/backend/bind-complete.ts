import { backendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface BindComplete {
  readonly kind: 'bindComplete';
}

/** BindComplete: a Bind succeeded. */
export function encodeBindComplete(writer: MessageWriter): void {
  writer.bare(backendTag.bindComplete);
}

export function decodeBindComplete(_buffer: Uint8Array, start: number, end: number): BindComplete | undefined {
  return isBare(start, end) ? { kind: 'bindComplete' } : undefined;
}
