import { assert } from '@multigres/core';
import { secretKeyBytesMax } from '../frontend/cancel-request.ts';
import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface BackendKeyData {
  readonly kind: 'backendKeyData';
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. A view of the decoded buffer. */
  readonly secretKey: Uint8Array;
}

/** BackendKeyData: what a CancelRequest for this session must say. */
export function encodeBackendKeyData(writer: MessageWriter, processId: number, secretKey: Uint8Array): void {
  assert(secretKey.length >= 4 && secretKey.length <= secretKeyBytesMax, 'a cancel key has 4 to 256 bytes');
  writer.begin(backendTag.backendKeyData);
  writer.int32(processId);
  writer.bytes(secretKey);
  writer.end();
}

export function decodeBackendKeyData(buffer: Uint8Array, start: number, end: number): BackendKeyData | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const processId = reader.int32();
  const secretKey = reader.rest();
  if (!reader.done || secretKey.length < 4 || secretKey.length > secretKeyBytesMax) return undefined;
  return { kind: 'backendKeyData', processId, secretKey };
}
