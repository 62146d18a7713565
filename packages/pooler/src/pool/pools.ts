import type { PgError } from '@multigres/core';
import type { PoolerLimits } from '../config.ts';
import type { Session } from '../session/session.ts';
import { Pool, type PoolEnvironment, type PoolKey } from './pool.ts';

/** All pools of a pooler, made when the first session needs them and dropped when nothing is left in them. */
export class Pools {
  readonly #byKey: Map<string, Pool> = new Map();
  readonly #limits: PoolerLimits;
  readonly #environment: PoolEnvironment;

  constructor(limits: PoolerLimits, environment: PoolEnvironment) {
    this.#limits = limits;
    this.#environment = environment;
  }

  [Symbol.iterator](): MapIterator<Pool> {
    return this.#byKey.values();
  }

  /** The pool whose backends are all alike for these three. */
  get(key: PoolKey): Pool {
    const text = JSON.stringify([key.user, key.database, key.settings]);
    let pool = this.#byKey.get(text);
    if (pool === undefined) {
      const { poolBackendsMax, sharedBackendsMax, sharedGroupsMax, waitersMax } = this.#limits;
      const limits = { backendsMax: poolBackendsMax, sharedBackendsMax, sharedGroupsMax, waitersMax };
      pool = new Pool(key, limits, this.#limits.waitMs, this.#environment);
      this.#byKey.set(text, pool);
    }
    return pool;
  }

  /** Closes the backend that has been unused for longest in any pool but `besides`; false if none is idle. */
  closeOneIdle(besides: Pool): boolean {
    let oldest: Pool | undefined;
    for (const pool of this.#byKey.values()) {
      if (pool === besides || pool.oldestIdleMs === Infinity) continue;
      if (oldest === undefined || pool.oldestIdleMs < oldest.oldestIdleMs) oldest = pool;
    }
    return oldest?.closeOldestIdle() ?? false;
  }

  /** Backends unused since before `beforeMs` are closed, and pools with nothing in them forgotten. */
  tidy(beforeMs: number, sessions: Iterable<Session>): void {
    const used = new Set<Pool>();
    for (const session of sessions) used.add(session.pool);
    for (const [key, pool] of this.#byKey) {
      pool.closeIdle(beforeMs);
      if (pool.isEmpty && !used.has(pool)) this.#byKey.delete(key);
    }
  }

  /** Room was made: whoever wants a backend may ask again. */
  growAll(): void {
    for (const pool of this.#byKey.values()) pool.grow();
  }

  closeAll(error: PgError): void {
    for (const pool of this.#byKey.values()) pool.closeAll(error);
  }
}
