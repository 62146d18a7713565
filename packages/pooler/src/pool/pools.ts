import type { PgError } from '@multigres/core';
import type { PoolerLimits } from '../config.ts';
import type { Session } from '../session/session.ts';
import { addTotals, noTotals, type Totals } from './pool-tally.ts';
import { Pool, type PoolEnvironment, type PoolKey, type PoolRules } from './pool.ts';

/** Databases that come and go by the thousand are forgotten, oldest first. */
const formerDatabasesMax = 10_000;

/** All pools of a pooler, made when the first session needs them and dropped when nothing is left in them. */
export class Pools {
  readonly #byKey: Map<string, Pool> = new Map();
  #limits: PoolerLimits;
  readonly #environment: PoolEnvironment;
  #allPaused = false;
  readonly #pausedDatabases: Set<string> = new Set();
  /** Of pools that were forgotten, by database; the ones heard of last are behind. */
  readonly #formerTotals: Map<string, Totals> = new Map();

  constructor(limits: PoolerLimits, environment: PoolEnvironment) {
    this.#limits = limits;
    this.#environment = environment;
  }

  /** These limits hold from now on, also for the pools that there are. */
  adjust(limits: PoolerLimits): void {
    this.#limits = limits;
    for (const pool of this) pool.adjust(poolRules(limits));
  }

  [Symbol.iterator](): MapIterator<Pool> {
    return this.#byKey.values();
  }

  /** The pool whose backends can stand in for each other. */
  get(key: PoolKey): Pool {
    const text = JSON.stringify([key.user, key.database, key.settings]);
    let pool = this.#byKey.get(text);
    if (pool === undefined) {
      pool = new Pool(key, poolRules(this.#limits), this.#environment);
      if (this.isPaused(key.database)) pool.pause();
      this.#byKey.set(text, pool);
    }
    return pool;
  }

  /** Those of one database, or all. */
  of(database: string | undefined): Pool[] {
    return [...this].filter(({ key }) => database === undefined || key.database === database);
  }

  pause(database: string | undefined): void {
    if (database === undefined) this.#allPaused = true;
    else this.#pausedDatabases.add(database);
    for (const pool of this.of(database)) pool.pause();
  }

  /** False if nothing was paused under that name. */
  resume(database: string | undefined): boolean {
    const wasPaused =
      database === undefined
        ? this.#allPaused || this.#pausedDatabases.size > 0
        : this.#pausedDatabases.delete(database);
    if (database === undefined) {
      this.#allPaused = false;
      this.#pausedDatabases.clear();
    }
    if (!this.#allPaused) for (const pool of this.of(database)) pool.resume();
    return wasPaused;
  }

  get allPaused(): boolean {
    return this.#allPaused;
  }

  isPaused(database: string): boolean {
    return this.#allPaused || this.#pausedDatabases.has(database);
  }

  /** Whether anybody was ever served in the database. */
  knows(database: string): boolean {
    return this.#formerTotals.has(database) || this.of(database).length > 0;
  }

  /** Per database, since the pooler started. */
  totals(): ReadonlyMap<string, Totals> {
    const totals = new Map(this.#formerTotals);
    for (const { key, totals: more } of this) {
      totals.set(key.database, addTotals(totals.get(key.database) ?? noTotals, more));
    }
    return totals;
  }

  /** Backends that are old, or were not used for long, are looked after, and pools with nothing in them forgotten. */
  tidy(sessions: Iterable<Session>): void {
    const used = new Set<Pool>();
    for (const session of sessions) used.add(session.pool);
    for (const [key, pool] of this.#byKey) {
      pool.tidy();
      if (pool.isEmpty && !used.has(pool)) this.#forget(key, pool);
    }
  }

  #forget(text: string, pool: Pool): void {
    const { database } = pool.key;
    this.#byKey.delete(text);
    // Anybody can name a database that does not exist.
    if (pool.totals.groups === 0) return;
    const former = this.#formerTotals.get(database) ?? noTotals;
    this.#formerTotals.delete(database);
    if (this.#formerTotals.size >= formerDatabasesMax)
      this.#formerTotals.delete(this.#formerTotals.keys().next().value as string);
    this.#formerTotals.set(database, addTotals(former, pool.totals));
  }

  /** Room was made: whoever wants a backend may ask again. */
  growAll(): void {
    for (const pool of this.#byKey.values()) pool.grow();
  }

  closeAll(error: PgError): void {
    for (const pool of this.#byKey.values()) pool.closeAll(error);
  }
}

function poolRules(limits: PoolerLimits): PoolRules {
  const { poolBackendsMax, sharedBackendsMax, sharedGroupsMax, waitersMax, slowMs } = limits;
  const { waitMs, shedMs, lifetimeMs, checkMs, idleMs, warmBackends } = limits;
  const lines = { backendsMax: poolBackendsMax, sharedBackendsMax, sharedGroupsMax, waitersMax };
  return { ...lines, waitMs, shedMs, lifetimeMs, checkMs, idleMs, warmBackends, slowMs, fastMs: slowMs / 2 };
}
