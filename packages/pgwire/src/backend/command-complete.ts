import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { zeroAt } from '../wire/scan.ts';

export interface CommandComplete {
  readonly kind: 'commandComplete';
  /** `SELECT 3`, `INSERT 0 1`, `BEGIN`: the command's tag. */
  readonly commandTag: string;
}

/** CommandComplete: a statement is done. */
export function encodeCommandComplete(writer: MessageWriter, commandTag: string): void {
  writer.begin(backendTag.commandComplete);
  writer.cstring(commandTag);
  writer.end();
}

export function decodeCommandComplete(buffer: Uint8Array, start: number, end: number): CommandComplete | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const commandTag = reader.cstring();
  return reader.done ? { kind: 'commandComplete', commandTag } : undefined;
}

/** Where the command's tag ends (its zero byte), or -1 if malformed; it starts at `start + 5`. */
export function peekCommandComplete(buffer: Uint8Array, start: number, end: number): number {
  return zeroAt(buffer, start + 5, end) === end - 1 ? end - 1 : -1;
}
