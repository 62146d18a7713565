import { PgError, type Clock } from '@multigres/core';
import type { StoredSecret } from '@multigres/pgwire';
import { parseStoredSecret, type StoredRole } from './stored-secret.ts';

/** Rejects with a PgError if Postgres cannot be asked. */
export type RoleLookup = (role: string) => Promise<StoredRole>;

interface Known {
  readonly secret: StoredSecret | undefined;
  readonly mayLogIn: boolean;
  readonly atMs: number;
}

/** Where nothing is remembered any more before something is forgotten. */
const rolesMax = 10_000;

/** While Postgres cannot be asked, what it said last is good for this long: its own login will judge again. */
const staleMs = 600_000;

/**
 * What Postgres stores of the roles that log in. One question at a time per role, however many clients arrive; the answer, also that there is none,
 * is used for `freshMs` and dropped when a proof has failed against it, so that a changed password works at the next try.
 */
export class SecretCache {
  readonly #lookup: RoleLookup;
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #known: Map<string, Known> = new Map();
  readonly #asking: Map<string, Promise<StoredSecret | undefined>> = new Map();

  constructor(lookup: RoleLookup, clock: Clock, freshMs: number) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#freshMs = freshMs;
  }

  /** What is remembered and fresh enough to be used without asking; `undefined` if there is nothing. */
  remembered(role: string): { readonly secret: StoredSecret | undefined } | undefined {
    const known = this.#known.get(role);
    return known !== undefined && this.#clock.nowMs() - known.atMs < this.#freshMs ? known : undefined;
  }

  /** What Postgres says now. Rejects with a PgError if it cannot be asked and has not said anything lately. */
  async ask(role: string): Promise<StoredSecret | undefined> {
    let asking = this.#asking.get(role);
    if (asking === undefined) {
      asking = this.#ask(role).finally(() => this.#asking.delete(role));
      this.#asking.set(role, asking);
    }
    return await asking;
  }

  /** Whether Postgres said last that the role may not log in, whatever it proves. */
  isBarred(role: string): boolean {
    return this.#known.get(role)?.mayLogIn === false;
  }

  /** A proof has failed: what is remembered may be out of date. */
  forget(role: string): void {
    this.#known.delete(role);
  }

  async #ask(role: string): Promise<StoredSecret | undefined> {
    try {
      const { verifier, mayLogIn } = await this.#lookup(role);
      const secret = verifier === undefined ? undefined : parseStoredSecret(verifier);
      this.#remember(role, secret, mayLogIn);
      return secret;
    } catch (error) {
      const known = this.#known.get(role);
      // A role that nobody knew may have been made meanwhile: only what it had is worth something.
      if (!(error instanceof PgError) || known?.secret === undefined) throw error;
      if (this.#clock.nowMs() - known.atMs >= staleMs) throw error;
      return known.secret;
    }
  }

  #remember(role: string, secret: StoredSecret | undefined, mayLogIn: boolean): void {
    this.#known.delete(role);
    if (this.#known.size >= rolesMax) {
      // The one that was asked for longest ago: a Map keeps the order.
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest as string);
    }
    this.#known.set(role, { secret, mayLogIn, atMs: this.#clock.nowMs() });
  }
}
