import { assert } from '@multigres/core';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export const cancelRequestCode: number = 80_877_102;
/** The longest key of protocol 3.2; 3.0 knows 4 bytes only. */
export const secretKeyBytesMax = 256;

export interface CancelRequest {
  readonly kind: 'cancelRequest';
  readonly processId: number;
  /** 4 to 256 bytes. */
  readonly secretKey: Uint8Array;
}

/** CancelRequest, on a connection of its own; never answered. */
export function encodeCancelRequest(writer: MessageWriter, processId: number, secretKey: Uint8Array): void {
  assert(secretKey.length >= 4 && secretKey.length <= secretKeyBytesMax, 'a cancel key has 4 to 256 bytes');
  writer.beginUntagged();
  writer.int32(cancelRequestCode);
  writer.int32(processId);
  writer.bytes(secretKey);
  writer.end();
}

/** `secretKey` is a view of `buffer`. */
export function decodeCancelRequest(buffer: Uint8Array, start: number, end: number): CancelRequest | undefined {
  const reader = new MessageReader(buffer, start + 8, end);
  const processId = reader.int32();
  const secretKey = reader.rest();
  if (!reader.done || secretKey.length < 4 || secretKey.length > secretKeyBytesMax) return undefined;
  return { kind: 'cancelRequest', processId, secretKey };
}
