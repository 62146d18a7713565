import { sameSecret, type Random } from '@multigres/core';
import type { ProtocolVersion } from '@multigres/pgwire';

/** PostgreSQL 18's MAX_CANCEL_KEY_LENGTH; protocol 3.2 allows up to 256. */
const longSecretBytes = 32;
const shortSecretBytes = 4;

/** How long a secret clients of this protocol can handle. */
export function secretBytesFor(version: ProtocolVersion): number {
  return version.minor >= 2 ? longSecretBytes : shortSecretBytes;
}

/** What a client must show to have its query cancelled: BackendKeyData. */
export interface CancelKey {
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 from 3.2 on. */
  readonly secretKey: Uint8Array;
}

interface Issued<S> extends CancelKey {
  readonly session: S;
}

/** Which session a CancelRequest means. The gateway gives out keys of its own: backends change under a session. */
export class CancelKeys<S> {
  readonly #random: Random;
  readonly #issued: Map<number, Issued<S>> = new Map();

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#issued.size;
  }

  /** A key of `secretBytes` random bytes: 4 in protocol 3.0, where clients know no other length. */
  issue(session: S, secretBytes = 4): CancelKey {
    let processId: number;
    // Positive and 31 bits, as clients expect of a process id; a random one tells nothing about other sessions, and other gateways have others.
    do processId = 1 + this.#random.below(0x7fff_fffe);
    while (this.#issued.has(processId));
    const issued = { processId, secretKey: this.#random.bytes(secretBytes), session };
    this.#issued.set(processId, issued);
    return issued;
  }

  revoke(key: CancelKey): void {
    this.#issued.delete(key.processId);
  }

  /** The session, if the secret fits. How long that takes tells nothing about the secret. */
  find({ processId, secretKey }: CancelKey): S | undefined {
    const issued = this.#issued.get(processId);
    return issued !== undefined && sameSecret(issued.secretKey, secretKey) ? issued.session : undefined;
  }
}
