import type { PoolerCommands } from '../console/views.ts';
import { killed, noSuchDatabase, notPaused, pauseEnded } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Pools } from './pools.ts';

interface Pause {
  readonly database: string | undefined;
  readonly settle: PromiseWithResolvers<void>;
}

/**
 * What operators may do to pools. `database` undefined means all of them, also those that nobody has asked for yet. A database that the pooler has
 * served nobody in is refused (3D000).
 */
export class PoolOperations implements PoolerCommands {
  readonly #pools: Pools;
  readonly #sessions: () => Iterable<Session>;
  readonly #resumed: () => void;
  readonly #pauses: Set<Pause> = new Set();
  /** What RELOAD does; whoever runs the pooler says it. */
  reload: (() => Promise<void>) | undefined;

  /** `resumed`: places for backends are given again. */
  constructor(pools: Pools, sessions: () => Iterable<Session>, resumed: () => void) {
    this.#pools = pools;
    this.#resumed = resumed;
    this.#sessions = sessions;
  }

  /**
   * From now on nobody begins a transaction: statements wait in line, with its limits (53300 after `waitMs`). What runs goes on, and backends end
   * with it; who keeps a pinned backend keeps it. Resolves when no backend is left: Postgres can then be restarted, and clients notice nothing
   * but the time. Rejects with 57014 if RESUME comes first.
   */
  pause = async (database?: string): Promise<void> => {
    this.#mustExist(database);
    this.#pools.pause(database);
    const settle = Promise.withResolvers<void>();
    this.#pauses.add({ database, settle });
    this.backendGone();
    await settle.promise;
  };

  /** Who waits is served again. Without a database it undoes every pause, else only that database's. 55000 if there is none. */
  resume = (database?: string): Promise<void> => {
    if (!this.#pools.resume(database)) return Promise.reject(notPaused(database));
    this.#resumed();
    for (const pause of this.#pauses) {
      if (database !== undefined && pause.database !== database) continue;
      this.#pauses.delete(pause);
      pause.settle.reject(pauseEnded());
    }
    return Promise.resolve();
  };

  /** Ends all sessions (57P01) and backends of the database and keeps newcomers waiting until `resume`. */
  kill = async (database?: string): Promise<void> => {
    this.#mustExist(database);
    this.#pools.pause(database);
    for (const session of [...this.#sessions()]) {
      if (database === undefined || session.pool.key.database === database) session.end(killed(database));
    }
    for (const pool of this.#pools.of(database)) pool.closeAll(killed(database));
    await Promise.resolve();
  };

  /** Replaces each backend by a new one as soon as what runs on it is through. */
  reconnect = async (database?: string): Promise<void> => {
    this.#mustExist(database);
    for (const pool of this.#pools.of(database)) pool.reconnect();
    await Promise.resolve();
  };

  /** Some backend has gone, or was not started: a pause may be through. */
  backendGone(): void {
    for (const pause of this.#pauses) {
      if (this.#pools.of(pause.database).some((pool) => !pool.hasNoBackends)) continue;
      this.#pauses.delete(pause);
      pause.settle.resolve();
    }
  }

  #mustExist(database: string | undefined): void {
    if (database !== undefined && !this.#pools.knows(database)) throw noSuchDatabase(database);
  }
}
