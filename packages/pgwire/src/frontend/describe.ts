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

export interface Describe {
  readonly kind: 'describe';
  readonly target: Target;
  readonly name: string;
}

/** Describe: what are the parameters and columns of a prepared statement, or the columns of a portal? */
export function encodeDescribe(writer: MessageWriter, target: Target, name: string): void {
  writeTarget(writer, frontendTag.describe, target, name);
}

export function decodeDescribe(buffer: Uint8Array, start: number, end: number): Describe | undefined {
  const named = readTarget(buffer, start, end);
  return named && { kind: 'describe', ...named };
}

/** Finds the name without making objects; false if the message is malformed. */
export function peekDescribe(buffer: Uint8Array, start: number, end: number, into: TargetPeek): boolean {
  return peekTarget(buffer, start, end, into);
}

/** Copies the message with another name (UTF-8, without zero). False, and nothing written, if it is malformed. */
export function writeDescribeRenamed(
  writer: MessageWriter,
  buffer: Uint8Array,
  start: number,
  end: number,
  name: Uint8Array,
): boolean {
  return writeTargetRenamed(writer, buffer, start, end, name);
}
