import type { Backend } from '../server/backend.ts';
import { lockMode } from '../storage/lock-mode.ts';
import type { LockHolder } from '../storage/lock-manager.ts';
import type { Change } from '../storage/log-record.ts';
import type { Xid } from '../storage/commit-log.ts';
import type { Store } from '../storage/store.ts';

/** What sessions of a standby do that the replay has to wait for, or to end (PostgreSQL documentation, "Handling Query Conflicts"). */
export interface Obstacle {
  readonly detail: string;
  readonly backends: readonly Backend[];
}

const needsVersions = 'User query might have needed to see row versions that must be removed.';
const holdsLock = 'User was holding a relation lock for too long.';

export class RecoveryConflicts {
  readonly #store: Store;
  readonly #holder: LockHolder;
  readonly #backends: () => Iterable<Backend>;
  readonly #databaseOid: (name: string) => number;
  /** Exclusive locks of the primary's running transactions. */
  readonly #held: Map<Xid, string[]> = new Map();

  constructor(
    store: Store,
    holder: LockHolder,
    backends: () => Iterable<Backend>,
    databaseOid: (name: string) => number,
  ) {
    this.#store = store;
    this.#holder = holder;
    this.#backends = backends;
    this.#databaseOid = databaseOid;
  }

  /** Who stands in the way of a record; undefined if nobody does, and then its lock is taken. */
  obstacle(change: Change): Obstacle | undefined {
    if (change.kind === 'cleanup') return this.#viewsBefore(change.xid);
    if (change.kind !== 'drop' && change.kind !== 'truncate') return undefined;
    const key = `relation ${change.oid} of database ${this.#databaseOid(change.database)}`;
    if (this.#store.locks.holds(this.#holder, key, lockMode.accessExclusive)) return undefined;
    if (!this.#store.locks.tryAcquire(this.#holder, key, lockMode.accessExclusive)) return this.#holdersOf(key);
    this.#held.set(change.xid, [...(this.#held.get(change.xid) ?? []), key]);
    return undefined;
  }

  /** A record was replayed: transactions that ended give their locks back. */
  replayed(change: Change): void {
    if (change.kind === 'commit' || change.kind === 'abort') for (const xid of change.xids) this.#release(xid);
    if (change.kind === 'endOfRecovery' || (change.kind === 'checkpoint' && change.shutdown)) this.releaseAll();
  }

  releaseAll(): void {
    for (const xid of [...this.#held.keys()]) this.#release(xid);
  }

  #release(xid: Xid): void {
    for (const key of this.#held.get(xid) ?? []) this.#store.locks.release(this.#holder, key, lockMode.accessExclusive);
    this.#held.delete(xid);
  }

  #viewsBefore(xid: Xid): Obstacle | undefined {
    const { commits } = this.#store;
    const backends = [...this.#backends()].filter((backend) => {
      const view = backend.viewInUse;
      return view !== undefined && commits.isCommitted(xid) && !commits.isCommittedBy(xid, view);
    });
    return backends.length === 0 ? undefined : { detail: needsVersions, backends };
  }

  #holdersOf(key: string): Obstacle {
    const pids = new Set<number>();
    for (const lock of this.#store.locks.all()) if (lock.key === key && lock.granted) pids.add(lock.pid);
    return { detail: holdsLock, backends: [...this.#backends()].filter(({ pid }) => pids.has(pid)) };
  }
}
