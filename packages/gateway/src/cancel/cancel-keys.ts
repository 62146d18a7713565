import type { Random } from '@multigres/core';

/** What a client must show to have its query cancelled: BackendKeyData. */
export interface CancelKey {
  readonly processId: number;
  /** 4 bytes. */
  readonly secretKey: Uint8Array;
}

/** Which session a CancelRequest means. The gateway gives out keys of its own: backends change under a session. */
export class CancelKeys<S> {
  readonly #random: Random;
  readonly #sessions: Map<number, { readonly secret: number; readonly session: S }> = new Map();

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#sessions.size;
  }

  issue(session: S): CancelKey {
    let processId: number;
    // Positive and 31 bits, as clients expect of a process id; a random one tells nothing about other sessions.
    do processId = 1 + this.#random.below(0x7fff_fffe);
    while (this.#sessions.has(processId));
    const secretKey = this.#random.bytes(4);
    this.#sessions.set(processId, { secret: secretOf(secretKey), session });
    return { processId, secretKey };
  }

  revoke(key: CancelKey): void {
    this.#sessions.delete(key.processId);
  }

  /** The session, if the secret fits. */
  find(processId: number, secretKey: Uint8Array): S | undefined {
    const entry = this.#sessions.get(processId);
    return entry !== undefined && secretKey.length === 4 && entry.secret === secretOf(secretKey)
      ? entry.session
      : undefined;
  }
}

function secretOf(key: Uint8Array): number {
  return ((key[0] as number) << 24) | ((key[1] as number) << 16) | ((key[2] as number) << 8) | (key[3] as number);
}
