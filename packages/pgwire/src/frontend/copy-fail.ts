import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface CopyFail {
  readonly kind: 'copyFail';
  /** Goes into the server's error report. */
  readonly message: string;
}

/** CopyFail: the client gives up; the server answers with an ErrorResponse. */
export function encodeCopyFail(writer: MessageWriter, message: string): void {
  writer.begin(frontendTag.copyFail);
  writer.cstring(message);
  writer.end();
}

export function decodeCopyFail(buffer: Uint8Array, start: number, end: number): CopyFail | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const message = reader.cstring();
  return reader.done ? { kind: 'copyFail', message } : undefined;
}
