import { backendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface ParseComplete {
  readonly kind: 'parseComplete';
}

/** ParseComplete: a Parse succeeded. */
export function encodeParseComplete(writer: MessageWriter): void {
  writer.bare(backendTag.parseComplete);
}

export function decodeParseComplete(_buffer: Uint8Array, start: number, end: number): ParseComplete | undefined {
  return isBare(start, end) ? { kind: 'parseComplete' } : undefined;
}
