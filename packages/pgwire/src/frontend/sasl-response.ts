import { utf8 } from '@multigres/core';
import { frontendTag } from '../tags.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface SaslResponse {
  readonly kind: 'saslResponse';
  /** A view of the decoded buffer. */
  readonly data: Uint8Array;
}

/** SASLResponse: every later step of the client. */
export function encodeSaslResponse(writer: MessageWriter, data: Uint8Array | string): void {
  writer.begin(frontendTag.authenticationResponse);
  writer.bytes(typeof data === 'string' ? utf8(data) : data);
  writer.end();
}

export function decodeSaslResponse(buffer: Uint8Array, start: number, end: number): SaslResponse {
  return { kind: 'saslResponse', data: buffer.subarray(start + 5, end) };
}
