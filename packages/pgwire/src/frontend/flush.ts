import { frontendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface Flush {
  readonly kind: 'flush';
}

/** Flush: send me what you have, I am waiting. */
export function encodeFlush(writer: MessageWriter): void {
  writer.bare(frontendTag.flush);
}

export function decodeFlush(_buffer: Uint8Array, start: number, end: number): Flush | undefined {
  return isBare(start, end) ? { kind: 'flush' } : undefined;
}
