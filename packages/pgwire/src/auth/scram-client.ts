import { concat, emptyBytes, sameSecret, utf8 } from '@multigres/core';
import type { PgError } from '@multigres/core';
import { scramRefusedByServer, serverNotAuthentic, unexpectedFromServer } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { channelBindingType } from './tls-server-end-point.ts';
import { scramKeysOfPassword, scramSignature, scramStoredKey, xorBytes, type ScramKeys } from './scram-keys.ts';

/** What a client proves itself with. Keys (recovered from another login, or kept) spare the slow derivation. */
export type ScramSecret =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'scramKeys'; readonly keys: ScramKeys };

export interface ScramClientFirst {
  readonly data: string;
  readonly bare: string;
  readonly gs2Header: string;
  /** The channel that the proof is bound to, if it is. */
  readonly serverEndPoint: Uint8Array | undefined;
  readonly nonce: string;
}

export type ScramClientFinal =
  /** `keys` may be kept for the next login; `serverSignature` is what the server must answer. */
  | { readonly kind: 'proof'; readonly data: string; readonly keys: ScramKeys; readonly serverSignature: Uint8Array }
  | { readonly kind: 'refused'; readonly error: PgError };

/** More would keep the process busy for seconds: a server that asks for it is sick or hostile. */
export const scramIterationsMax = 1_000_000;

/**
 * - `none`: we know nothing that the proof could be bound to
 * - `unused`: we do, but the server did not offer it. It learns that, in case that somebody in between took its offer away
 * - `used`: SCRAM-SHA-256-PLUS was chosen; `serverEndPoint` is `tlsServerEndPoint` of the server's certificate
 */
export type ClientBinding =
  | { readonly kind: 'none' | 'unused' }
  | { readonly kind: 'used'; readonly serverEndPoint: Uint8Array };

/** The client-first-message. `nonce`: at least 18 random bytes, in base64. PostgreSQL ignores the user's name in here. */
export function scramClientFirst(nonce: string, binding: ClientBinding = { kind: 'none' }): ScramClientFirst {
  const bare = `n=,r=${nonce}`;
  const serverEndPoint = binding.kind === 'used' ? binding.serverEndPoint : undefined;
  const flag = binding.kind === 'used' ? `p=${channelBindingType}` : binding.kind === 'unused' ? 'y' : 'n';
  const gs2Header = `${flag},,`;
  return { data: gs2Header + bare, bare, gs2Header, serverEndPoint, nonce };
}

/** The client-final-message (RFC 5802, section 7). Refusals: 08P01. */
export function scramClientFinal(serverFirst: string, first: ScramClientFirst, secret: ScramSecret): ScramClientFinal {
  const match = /^r=([^,]*),s=([^,]*),i=(\d{1,9})(?:,.*)?$/s.exec(serverFirst);
  const nonce = match?.[1] ?? '';
  const salt = decodeBase64(match?.[2] ?? '');
  const iterations = Number(match?.[3] ?? 0);
  if (!salt || salt.length === 0) return refused('The SCRAM challenge is malformed.');
  if (!nonce.startsWith(first.nonce) || nonce === first.nonce) return refused('The SCRAM nonce is not based on ours.');
  if (iterations < 1 || iterations > scramIterationsMax) return refused('The SCRAM iteration count is out of range.');
  const keys = secret.kind === 'scramKeys' ? secret.keys : scramKeysOfPassword(secret.password, salt, iterations);
  const channel = encodeBase64(concat([utf8(first.gs2Header), first.serverEndPoint ?? emptyBytes]));
  const withoutProof = `c=${channel},r=${nonce}`;
  const authMessage = `${first.bare},${serverFirst},${withoutProof}`;
  const proof = xorBytes(keys.clientKey, scramSignature(scramStoredKey(keys.clientKey), authMessage));
  const serverSignature = scramSignature(keys.serverKey, authMessage);
  return { kind: 'proof', data: `${withoutProof},p=${encodeBase64(proof)}`, keys, serverSignature };
}

/** Whether the server proved itself; the error if not (28P01: it does not know the password either). */
export function scramClientVerify(serverFinal: string, serverSignature: Uint8Array): PgError | undefined {
  if (serverFinal.startsWith('e=')) return scramRefusedByServer(serverFinal.slice(2));
  const match = /^v=([^,]*)(?:,.*)?$/s.exec(serverFinal);
  const signature = decodeBase64(match?.[1] ?? '');
  return signature && sameSecret(signature, serverSignature) ? undefined : serverNotAuthentic();
}

function refused(detail: string): { readonly kind: 'refused'; readonly error: PgError } {
  return { kind: 'refused', error: unexpectedFromServer(detail) };
}
