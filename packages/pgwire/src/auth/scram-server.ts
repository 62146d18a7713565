import { concat, emptyBytes, sameBytes, sameSecret, utf8 } from '@multigres/core';
import type { PgError } from '@multigres/core';
import {
  malformedScram,
  passwordAuthenticationFailed,
  scramChannelBindingDowngrade,
  scramChannelBindingFailed,
  scramChannelBindingMismatch,
  scramNonceMismatch,
  unsupportedChannelBinding,
  unsupportedScram,
} from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { channelBindingType } from './tls-server-end-point.ts';
import {
  scramKeyBytes,
  scramSignature,
  scramStoredKey,
  xorBytes,
  type ScramKeys,
  type ScramVerifier,
} from './scram-keys.ts';

/** What the server knows of channel binding on this connection. */
export interface ScramBinding {
  /** `tlsServerEndPoint` of its certificate. */
  readonly serverEndPoint: Uint8Array;
  /** The client chose SCRAM-SHA-256-PLUS. If not, it must not believe that it could not have. */
  readonly chosen: boolean;
}

/** After the client's first message: what is remembered until its last. */
export interface ScramServerExchange {
  readonly verifier: ScramVerifier;
  readonly gs2Header: string;
  /** Follows the header in the final message; undefined without channel binding. */
  readonly serverEndPoint: Uint8Array | undefined;
  readonly clientFirstBare: string;
  readonly serverFirst: string;
  readonly nonce: string;
}

export type ScramServerFirst =
  | { readonly kind: 'challenge'; readonly data: string; readonly exchange: ScramServerExchange }
  | { readonly kind: 'refused'; readonly error: PgError };

export type ScramServerFinal =
  /** `data` is the server's proof; `keys` are what the client has just shown to hold. */
  | { readonly kind: 'proven'; readonly data: string; readonly keys: ScramKeys }
  | { readonly kind: 'refused'; readonly error: PgError };

/** RFC 5802: printable ASCII but for the comma. */
const printable = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * The server's answer to the client-first-message (RFC 5802, section 7). `serverNonce`: at least 18 random bytes, in base64 or any
 * printable ASCII without comma. `binding`: if SCRAM-SHA-256-PLUS was offered. Refusals: 08P01, 0A000, 28000 for a downgrade.
 */
export function scramServerFirst(
  clientFirst: string,
  verifier: ScramVerifier,
  serverNonce: string,
  binding?: ScramBinding,
): ScramServerFirst {
  const match = /^(([^,]*),([^,]*),)([^]*)$/.exec(clientFirst);
  if (!match) return refused(malformedScram('The first message has no GS2 header.'));
  const [, gs2Header, flag, identity, bare] = match as unknown as [string, string, string, string, string];
  const headerError = refuseGs2(flag, identity, binding);
  if (headerError) return refused(headerError);
  if (bare.startsWith('m=')) return refused(unsupportedScram('client requires an unsupported SCRAM extension'));
  const attributes = /^n=([^,]*),r=([^,]*)(?:,.*)?$/s.exec(bare);
  const clientNonce = attributes?.[2];
  // The user's name in here is ignored, as in PostgreSQL: the startup packet has told it.
  if (clientNonce === undefined) return refused(malformedScram('The first message has no user name or no nonce.'));
  if (!printable.test(clientNonce)) return refused(malformedScram('Non-printable characters in SCRAM nonce.'));
  const nonce = clientNonce + serverNonce;
  const data = `r=${nonce},s=${encodeBase64(verifier.salt)},i=${verifier.iterations}`;
  return {
    kind: 'challenge',
    data,
    exchange: {
      verifier,
      gs2Header,
      serverEndPoint: binding?.chosen ? binding.serverEndPoint : undefined,
      clientFirstBare: bare,
      serverFirst: data,
      nonce,
    },
  };
}

function refuseGs2(flag: string, identity: string, binding: ScramBinding | undefined): PgError | undefined {
  const chosen = binding?.chosen === true;
  if (flag.startsWith('p=')) {
    if (!chosen) {
      return malformedScram(
        'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
      );
    }
    const type = flag.slice(2);
    if (type !== channelBindingType) return unsupportedChannelBinding(type.replace(/[^\x21-\x7e]/g, '?').slice(0, 30));
  } else if (flag === 'n' || flag === 'y') {
    if (chosen) {
      return malformedScram(
        'The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.',
      );
    }
    if (flag === 'y' && binding !== undefined) return scramChannelBindingDowngrade();
  } else return malformedScram('Unexpected channel-binding flag.');
  if (identity !== '') return unsupportedScram('client uses authorization identity, but it is not supported');
  return undefined;
}

/**
 * Judges the client-final-message. `user` is for the error only. Refusals: 08P01, and 28P01 when the proof is wrong, which is all that
 * an unknown user's client may learn (`doomed`: refuse even a proof that fits).
 */
export function scramServerFinal(
  clientFinal: string,
  exchange: ScramServerExchange,
  user: string,
  doomed: boolean = false,
): ScramServerFinal {
  const match = /^(c=([^,]*),r=([^,]*)(?:,[^]*)?),p=([^,]*)$/.exec(clientFinal);
  if (!match) return refused(malformedScram('The final message has no channel binding, no nonce or no proof.'));
  const [, withoutProof, binding, nonce, proofText] = match as unknown as [string, string, string, string, string];
  const { serverEndPoint } = exchange;
  const expected = concat([utf8(exchange.gs2Header), serverEndPoint ?? emptyBytes]);
  if (!sameBytes(decodeBase64(binding) ?? emptyBytes, expected))
    return refused(serverEndPoint === undefined ? scramChannelBindingMismatch() : scramChannelBindingFailed());
  if (nonce !== exchange.nonce) return refused(scramNonceMismatch());
  const proof = decodeBase64(proofText);
  if (proof?.length !== scramKeyBytes) return refused(malformedScram('Malformed proof in client-final-message.'));

  const { storedKey, serverKey } = exchange.verifier;
  const authMessage = `${exchange.clientFirstBare},${exchange.serverFirst},${withoutProof}`;
  const clientKey = xorBytes(proof, scramSignature(storedKey, authMessage));
  const fits = sameSecret(scramStoredKey(clientKey), storedKey);
  if (!fits || doomed) return refused(passwordAuthenticationFailed(user));
  const data = `v=${encodeBase64(scramSignature(serverKey, authMessage))}`;
  return { kind: 'proven', data, keys: { clientKey, serverKey } };
}

function refused(error: PgError): { readonly kind: 'refused'; readonly error: PgError } {
  return { kind: 'refused', error };
}
