import type { Clock, Timer } from '@multigres/core';
import { databaseBackendsMax, shareOfUser, type Shares } from '../limits/shares.ts';
import { balance, type Places, type Stake } from './fair-shares.ts';
import type { Pool } from './pool.ts';

export interface BackendPlacesParts {
  readonly clock: Clock;
  readonly backendsMax: () => number;
  readonly shares: () => Shares;
  readonly pools: Iterable<Pool>;
  /** Others than pools that take places (`takeOther`) may try again. */
  readonly othersMayTry: () => void;
}

/** While somebody lacks a backend, shares are weighed again so often. */
const weighMs = 10;
/** A backend that was used so lately counts as used: else two pools would take turns closing each other's. */
const recentMs = 500;

/**
 * The places for backends that Postgres gives us, and who may have them. As long as there are enough, whoever asks; from the moment on when somebody is
 * refused, each pool up to its fair share (`balance`), and those that have more give up what becomes free.
 */
export class BackendPlaces implements Places {
  readonly #parts: BackendPlacesParts;
  readonly #byUser: Map<string, number> = new Map();
  readonly #byDatabase: Map<string, number> = new Map();
  #taken = 0;
  /** Places that are no pool's, and whether one more is waited for. */
  #others = 0;
  #othersWait = false;
  #timer: Timer | undefined;
  #weighedMs = -Infinity;
  #stopped = false;

  constructor(parts: BackendPlacesParts) {
    this.#parts = parts;
  }

  get taken(): number {
    return this.#taken;
  }
  /** For pools. */
  get all(): number {
    return Math.max(0, this.#parts.backendsMax() - this.#others - (this.#othersWait ? 1 : 0));
  }
  ofUser(user: string): number {
    return shareOfUser(this.#parts.shares(), user).backendsMax ?? Infinity;
  }
  ofDatabase(database: string): number {
    return databaseBackendsMax(this.#parts.shares(), database) ?? Infinity;
  }
  takenByUser(user: string): number {
    return this.#byUser.get(user) ?? 0;
  }
  takenInDatabase(database: string): number {
    return this.#byDatabase.get(database) ?? 0;
  }

  /** A place for one more backend of this pool; false if there is none, or if it is another's by right. The pool is asked to `grow` when that has changed. */
  take(pool: Pool): boolean {
    const { user, database } = pool.key;
    const hasRoom =
      this.#taken - this.#others < this.all &&
      this.takenByUser(user) < this.ofUser(user) &&
      this.takenInDatabase(database) < this.ofDatabase(database) &&
      pool.size < pool.share;
    if (!hasRoom) {
      this.#weighSoon();
      return false;
    }
    this.#count(pool, 1);
    return true;
  }

  /** The backend that had the place is gone. */
  free(pool: Pool): void {
    this.#count(pool, -1);
  }

  /** A place for a backend that is in no pool. */
  takeOther(): boolean {
    if (this.#taken >= this.#parts.backendsMax()) {
      this.#othersWait = true;
      this.#weighSoon();
      return false;
    }
    this.#taken += 1;
    this.#others += 1;
    return true;
  }

  freeOther(): void {
    this.#taken -= 1;
    this.#others -= 1;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #count({ key }: Pool, by: 1 | -1): void {
    this.#taken += by;
    change(this.#byUser, key.user, by);
    change(this.#byDatabase, key.database, by);
  }

  #weighSoon(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    const { clock } = this.#parts;
    this.#timer = clock.after(Math.max(0, this.#weighedMs + weighMs - clock.nowMs()), () => {
      this.#timer = undefined;
      this.#weighedMs = clock.nowMs();
      this.#weigh();
    });
  }

  #weigh(): void {
    // Whoever still waits says so again.
    this.#othersWait = false;
    this.#parts.othersMayTry();
    const pools: Pool[] = [];
    const stakes: Stake[] = [];
    const recentSinceMs = this.#parts.clock.nowMs() - recentMs;
    for (const pool of this.#parts.pools) {
      const wants = pool.demand(recentSinceMs);
      if (wants === 0 && pool.size === 0) continue;
      pools.push(pool);
      stakes.push({ ...pool.key, backends: pool.size, wants, sinceMs: pool.oldestWaiterSinceMs ?? Infinity });
    }
    const verdicts = balance(stakes, this);
    // Also of those that have nothing and want nothing now: what they were told before holds no more, and nobody would tell them when they want something.
    for (const pool of this.#parts.pools) {
      pool.share = Infinity;
      pool.giveBack(0);
    }
    for (const [i, verdict] of (verdicts ?? []).entries()) {
      const pool = pools[i] as Pool;
      pool.share = verdict.share;
      pool.giveBack(verdict.givesBack);
    }
    for (const pool of pools) pool.grow();
    if (verdicts !== undefined) this.#weighSoon();
  }
}

function change(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}
