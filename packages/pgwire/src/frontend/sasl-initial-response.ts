import { frontendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface SaslInitialResponse {
  readonly kind: 'saslInitialResponse';
  readonly mechanism: string;
  /** A view of the decoded buffer; null if the client sent none. */
  readonly response: Uint8Array | null;
}

/** SASLInitialResponse: the answer to AuthenticationSASL. */
export function encodeSaslInitialResponse(
  writer: MessageWriter,
  mechanism: string,
  response: Uint8Array | string | null,
): void {
  writer.begin(frontendTag.authenticationResponse);
  writer.cstring(mechanism);
  writer.nullable(response);
  writer.end();
}

export function decodeSaslInitialResponse(
  buffer: Uint8Array,
  start: number,
  end: number,
): SaslInitialResponse | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const mechanism = reader.cstring();
  const response = reader.nullableBytes();
  return reader.done ? { kind: 'saslInitialResponse', mechanism, response } : undefined;
}
