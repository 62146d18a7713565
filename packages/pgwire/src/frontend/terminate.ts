import { frontendTag } from '../tags.ts';
import { isBare } from '../wire/bare-message.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface Terminate {
  readonly kind: 'terminate';
}

/** Terminate: the session ends. */
export function encodeTerminate(writer: MessageWriter): void {
  writer.bare(frontendTag.terminate);
}

export function decodeTerminate(_buffer: Uint8Array, start: number, end: number): Terminate | undefined {
  return isBare(start, end) ? { kind: 'terminate' } : undefined;
}
