import { frontendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface Sync {
  readonly kind: 'sync';
}

/** Sync: the end of a pipeline; answered with ReadyForQuery, whatever went wrong before it. */
export function encodeSync(writer: MessageWriter): void {
  writer.bare(frontendTag.sync);
}

export function decodeSync(_buffer: Uint8Array, start: number, end: number): Sync | undefined {
  return isBare(start, end) ? { kind: 'sync' } : undefined;
}
