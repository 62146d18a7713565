import type { PgError } from '@multigres/core';
import { serverRefusesTls, unencryptedDataAfter, unexpectedFromServer } from '../errors.ts';

export type SslAnswer =
  | { readonly kind: 'startTls' | 'goOnInClear' }
  | { readonly kind: 'refused'; readonly error: PgError };

/**
 * What follows from a server's answer to SSLRequest: the first bytes that came after it, and it is no message. `required`: no is no answer.
 * (Documentation, "Message Flow", "SSL Session Encryption".)
 */
export function judgeSslAnswer(bytes: Uint8Array, required: boolean): SslAnswer {
  const [letter] = bytes;
  // An E begins an ErrorResponse of a server that does not know SSLRequest. It came unencrypted and unproven: not to be shown.
  if (letter !== 0x53 && letter !== 0x4e && letter !== 0x45)
    return { kind: 'refused', error: unexpectedFromServer('The answer to SSLRequest is neither S nor N.') };
  if (letter === 0x45 || (letter === 0x4e && required)) return { kind: 'refused', error: serverRefusesTls() };
  // What was sent before the handshake must not be taken for what was said inside it.
  if (bytes.length > 1) return { kind: 'refused', error: unencryptedDataAfter('SSL') };
  return { kind: letter === 0x53 ? 'startTls' : 'goOnInClear' };
}
