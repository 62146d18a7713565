import { concat, utf8 } from '@multigres/core';
import { hmac } from '@noble/hashes/hmac.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { saslprep } from './saslprep.ts';

/** What a server stores instead of a password (RFC 5802, section 3; 32 bytes each key). */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/**
 * What proves an identity without the password: `clientKey` to a server, `serverKey` to a client. Whoever has these can log in wherever
 * the same verifier is stored, so they are as secret as the password itself.
 */
export interface ScramKeys {
  readonly clientKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export const scramMechanism = 'SCRAM-SHA-256';
/** The same, bound to the server's certificate. */
export const scramPlusMechanism = 'SCRAM-SHA-256-PLUS';
/** PostgreSQL's default of `scram_iterations`, and RFC 7677's least. */
export const scramIterationsDefault = 4096;
export const scramKeyBytes = 32;
/** PostgreSQL's SCRAM_DEFAULT_SALT_LEN. */
export const scramSaltBytes = 16;

/** The keys of a password. Slow on purpose: about `iterations` times two hash blocks (some milliseconds for 4096). */
export function scramKeysOfPassword(password: string, salt: Uint8Array, iterations: number): ScramKeys {
  const salted = pbkdf2(sha256, utf8(saslprep(password)), salt, { c: iterations, dkLen: scramKeyBytes });
  return { clientKey: hmac(sha256, salted, utf8('Client Key')), serverKey: hmac(sha256, salted, utf8('Server Key')) };
}

/** What a server needs to store to recognise these keys. */
export function scramVerifierOfKeys(keys: ScramKeys, salt: Uint8Array, iterations: number): ScramVerifier {
  return { iterations, salt, storedKey: sha256(keys.clientKey), serverKey: keys.serverKey };
}

/** `salt`: fresh random bytes, usually 16. */
export function scramVerifierOfPassword(password: string, salt: Uint8Array, iterations: number): ScramVerifier {
  return scramVerifierOfKeys(scramKeysOfPassword(password, salt, iterations), salt, iterations);
}

/** Reads `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as in `pg_authid.rolpassword`; undefined if it is none. */
export function parseScramVerifier(text: string): ScramVerifier | undefined {
  const match = /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]*)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/.exec(text);
  if (!match) return undefined;
  const iterations = Number(match[1]);
  const salt = decodeBase64(match[2] as string);
  const storedKey = decodeBase64(match[3] as string);
  const serverKey = decodeBase64(match[4] as string);
  if (iterations < 1 || !salt || storedKey?.length !== scramKeyBytes || serverKey?.length !== scramKeyBytes) {
    return undefined;
  }
  return { iterations, salt, storedKey, serverKey };
}

export function formatScramVerifier(verifier: ScramVerifier): string {
  const { iterations, salt, storedKey, serverKey } = verifier;
  return `SCRAM-SHA-256$${iterations}:${encodeBase64(salt)}$${encodeBase64(storedKey)}:${encodeBase64(serverKey)}`;
}

/**
 * A verifier for a user who does not exist, so that asking tells nothing: the same user always gets the same salt (`scram_mock_salt`
 * in PostgreSQL), and no proof fits. `secret`: the same on all gateways, kept over restarts.
 */
export function mockScramVerifier(user: string, secret: Uint8Array): ScramVerifier {
  const seed = hmac(sha256, secret, utf8(user));
  const key = (name: string): Uint8Array => sha256(concat([seed, utf8(name)]));
  return {
    iterations: scramIterationsDefault,
    salt: key('salt').slice(0, scramSaltBytes),
    storedKey: key('stored key'),
    serverKey: key('server key'),
  };
}

/** HMAC-SHA-256 of a text, RFC 5802's `ClientSignature` and `ServerSignature`. */
export function scramSignature(key: Uint8Array, authMessage: string): Uint8Array {
  return hmac(sha256, key, utf8(authMessage));
}

/** ClientProof from ClientKey, and ClientKey from ClientProof: the signature's `xor` is its own inverse. */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] as number));
}

/** StoredKey of a ClientKey. */
export function scramStoredKey(clientKey: Uint8Array): Uint8Array {
  return sha256(clientKey);
}
