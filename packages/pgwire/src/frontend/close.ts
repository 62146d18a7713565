import { frontendTag } from '../tags.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import {
  peekTarget,
  readTarget,
  writeTarget,
  writeTargetRenamed,
  type Target,
  type TargetPeek,
} from './named-target.ts';

export interface Close {
  readonly kind: 'close';
  readonly target: Target;
  readonly name: string;
}

/** Close: forget a prepared statement or a portal. Closing one that does not exist is no error. */
export function encodeClose(writer: MessageWriter, target: Target, name: string): void {
  writeTarget(writer, frontendTag.close, target, name);
}

export function decodeClose(buffer: Uint8Array, start: number, end: number): Close | undefined {
  const named = readTarget(buffer, start, end);
  return named && { kind: 'close', ...named };
}

/** Finds the name without making objects; false if the message is malformed. */
export function peekClose(buffer: Uint8Array, start: number, end: number, into: TargetPeek): boolean {
  return peekTarget(buffer, start, end, into);
}

/** Copies the message with another name (UTF-8, without zero). False, and nothing written, if it is malformed. */
export function writeCloseRenamed(
  writer: MessageWriter,
  buffer: Uint8Array,
  start: number,
  end: number,
  name: Uint8Array,
): boolean {
  return writeTargetRenamed(writer, buffer, start, end, name);
}
