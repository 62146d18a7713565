import { PgError, type Clock, type Random } from '@multigres/core';
import {
  encodeBase64,
  mockScramVerifier,
  parseScramVerifier,
  type AuthenticationMethod,
  type ScramVerifier,
} from '@multigres/pgwire';
import type { AuthPolicy } from '../config.ts';

/** Answers with `pg_authid.rolpassword` of a role that may log in; rejects with a PgError if Postgres cannot be asked. */
export type VerifierLookup = (role: string) => Promise<string | undefined>;

interface Known {
  readonly verifier: ScramVerifier | undefined;
  readonly atMs: number;
}

const rolesMax = 100_000;

/** Decides how a client must prove who it is. */
export class Authenticator {
  readonly #policy: AuthPolicy;
  readonly #lookup: VerifierLookup;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #verifierMs: number;
  readonly #known: Map<string, Known> = new Map();
  readonly #asking: Map<string, Promise<ScramVerifier | undefined>> = new Map();
  readonly #mockSecret: Uint8Array;

  constructor(policy: AuthPolicy, lookup: VerifierLookup, clock: Clock, random: Random, verifierMs: number) {
    this.#policy = policy;
    this.#lookup = lookup;
    this.#clock = clock;
    this.#random = random;
    this.#verifierMs = verifierMs;
    this.#mockSecret = random.bytes(32);
  }

  /** Never rejects: what stands in the way is a method, too (`reject`). */
  async method(user: string): Promise<AuthenticationMethod> {
    if (this.#policy.kind === 'trust') return { kind: 'trust' };
    try {
      const verifier =
        this.#policy.kind === 'scramFile' ? this.#policy.verifiers.get(user) : await this.#verifier(user);
      const nonce = encodeBase64(this.#random.bytes(18));
      // A role that does not exist, or has no SCRAM verifier, must look like one with another password.
      if (verifier === undefined)
        return { kind: 'scram', verifier: mockScramVerifier(user, this.#mockSecret), nonce, doomed: true };
      return { kind: 'scram', verifier, nonce };
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      return { kind: 'reject', error };
    }
  }

  async #verifier(user: string): Promise<ScramVerifier | undefined> {
    const known = this.#known.get(user);
    if (known !== undefined && this.#clock.nowMs() - known.atMs < this.#verifierMs) return known.verifier;
    let asking = this.#asking.get(user);
    if (asking === undefined) {
      asking = this.#ask(user);
      this.#asking.set(user, asking);
    }
    return await asking;
  }

  /** One question at a time per role, however many clients arrive. */
  async #ask(user: string): Promise<ScramVerifier | undefined> {
    try {
      const stored = await this.#lookup(user);
      const verifier = stored === undefined ? undefined : parseScramVerifier(stored);
      if (this.#known.size >= rolesMax) this.#known.clear();
      this.#known.set(user, { verifier, atMs: this.#clock.nowMs() });
      return verifier;
    } finally {
      this.#asking.delete(user);
    }
  }
}
