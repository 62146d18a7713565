import type { Lsn } from '@multigres/core';

import { cannotAssignXids, couldNotObtainLockOnRow, couldNotSerialize } from '../errors.ts';
import type { RoleOptions } from '../session/host.ts';
import type { Task } from '../wait.ts';
import type { Catalog } from './catalog.ts';
import type { CommitSequence, Xid } from './commit-log.ts';
import { keyOf, type Heap, type Version, type View } from './heap.ts';
import type { LockHolder, SleepFor } from './lock-manager.ts';
import { lockMode, type LockMode } from './lock-mode.ts';
import type { Change } from './log-record.ts';
import type { PreparedTransaction } from './prepared.ts';
import type { Relation, TableShape } from './relation.ts';
import type { Store } from './store.ts';
import type { Row } from './value.ts';

/** Where relations are looked up and recorded: a database's catalogue, or (without a name) a session's temporary schema. */
export interface Namespace {
  readonly catalog: Catalog;
  /** Undefined for temporary relations, which are not logged. */
  readonly database: string | undefined;
}

/** One transaction or subtransaction: what ends together. */
interface Level {
  /** 0 until the first write. */
  xid: Xid;
  /** Its own and those of released savepoints inside it. */
  readonly xids: Xid[];
  readonly locks: [key: string, mode: LockMode][];
  readonly inserted: Map<Heap, number>;
  readonly catalogs: Set<Catalog>;
}

export interface TransactionHost {
  readonly store: Store;
  readonly holder: LockHolder;
  readonly sleep: SleepFor;
  /** Milliseconds; read at each wait. */
  deadlockTimeoutMs(): number;
}

export const transactionKey = (xid: Xid): string => `transaction ${xid}`;

function newLevel(): Level {
  return { xid: 0, xids: [], locks: [], inserted: new Map(), catalogs: new Set() };
}

/**
 * A transaction's hold on the store: its identifiers, snapshot, locks and changes, with a level per savepoint
 * (PostgreSQL documentation, "Transaction Isolation", "SAVEPOINT").
 */
export class Transaction {
  readonly #host: TransactionHost;
  readonly #levels: Level[] = [newLevel()];
  readonly #own: Set<Xid> = new Set();
  /** It has made or changed something that ends with the session. */
  usedTemporary = false;
  /** Something went to the log, so that the commit is to be waited for. */
  #wrote = false;
  readonly #lockedHere: Set<string> = new Set();
  /** The command now running; it does not see its own changes. */
  command = 0;
  /** In repeatable read the snapshot of the first statement, kept to the end. */
  kept: CommitSequence | undefined;
  #current: CommitSequence = 0;

  constructor(host: TransactionHost) {
    this.#host = host;
  }

  get own(): ReadonlySet<Xid> {
    return this.#own;
  }

  get depth(): number {
    return this.#levels.length;
  }

  /** The top-level identifier, 0 if nothing was written. */
  get topXid(): Xid {
    return (this.#levels[0] as Level).xid;
  }

  /** Takes the snapshot for the next statement. `keep` holds it for the rest of the transaction (repeatable read). */
  takeSnapshot(keep: boolean): void {
    const { store } = this.#host;
    if (this.kept === undefined) {
      this.#current = store.commits.last;
      if (keep) this.kept = this.#current;
    } else this.#current = this.kept;
    store.holdView(this, this.#current);
  }

  /** What the running command sees. */
  view(): View {
    return { own: this.#own, upTo: this.#current, command: this.command };
  }

  /** Looks with another view (a cursor's) until the answered function is called. */
  lookWith(view: View): () => void {
    const { command } = this;
    const current = this.#current;
    this.command = view.command;
    this.#current = view.upTo;
    return () => {
      this.command = command;
      this.#current = current;
    };
  }

  /** The current level's identifier, assigned when first needed, parents first. */
  xid(): Xid {
    const top = this.#levels.at(-1) as Level;
    if (top.xid !== 0) return top.xid;
    for (const level of this.#levels) if (level.xid === 0) this.#assign(level);
    return top.xid;
  }

  #assign(level: Level): void {
    const { store, holder } = this.#host;
    if (store.inRecovery) throw cannotAssignXids();
    level.xid = store.commits.assign();
    level.xids.push(level.xid);
    this.#own.add(level.xid);
    const key = transactionKey(level.xid);
    store.locks.tryAcquire(holder, key, lockMode.exclusive);
    level.locks.push([key, lockMode.exclusive]);
  }

  savepoint(): void {
    this.#levels.push(newLevel());
  }

  /** RELEASE: the innermost level becomes part of the one around it. */
  releaseInnermost(): void {
    const gone = this.#levels.pop() as Level;
    const parent = this.#levels.at(-1) as Level;
    parent.xids.push(...gone.xids);
    parent.locks.push(...gone.locks);
    for (const [heap, count] of gone.inserted) parent.inserted.set(heap, (parent.inserted.get(heap) ?? 0) + count);
    for (const catalog of gone.catalogs) parent.catalogs.add(catalog);
  }

  /** The innermost level never happened. */
  abortInnermost(): void {
    const gone = this.#levels.pop() as Level;
    const { store } = this.#host;
    for (const xid of gone.xids) {
      store.commits.abort(xid);
      this.#own.delete(xid);
    }
    if (gone.xids.length > 0) this.#log({ kind: 'abort', xids: gone.xids });
    for (const [heap, count] of gone.inserted) heap.noteRolledBack(count);
    for (const catalog of gone.catalogs) catalog.decided();
    this.#unlock(gone);
  }

  /**
   * Durable, then visible, then unlocked, in this order. Without an identifier there is nothing to record. `flush` waits until the log is
   * durable up to a position; undefined with synchronous_commit = off.
   */
  *commit(flush: ((lsn: Lsn) => Task<void>) | undefined): Task<void> {
    while (this.#levels.length > 1) this.releaseInnermost();
    const level = this.#levels[0] as Level;
    const { store } = this.#host;
    if (level.xids.length > 0) {
      const lsn = store.record({ kind: 'commit', xids: level.xids });
      if (flush !== undefined && this.#wrote) yield* flush(lsn);
      store.commits.commit(level.xids);
      for (const catalog of level.catalogs) catalog.decided();
    }
    this.#unlock(level);
    store.dropView(this);
  }

  /**
   * PREPARE TRANSACTION: durable, then known by its gid, then waited for by `replicate`. It is nobody's from then on; its locks are its own.
   * The gid must have been reserved.
   */
  *prepare(
    as: Pick<PreparedTransaction, 'gid' | 'owner' | 'database' | 'preparedMicros'>,
    flush: (lsn: Lsn) => Task<void>,
    replicate: (lsn: Lsn) => Task<void>,
  ): Task<void> {
    while (this.#levels.length > 1) this.releaseInnermost();
    const level = this.#levels[0] as Level;
    this.xid();
    const { store, holder } = this.#host;
    const locks = [...level.locks];
    const lsn = store.record({ kind: 'prepare', ...as, xids: level.xids, locks });
    yield* flush(lsn);
    const prepared: PreparedTransaction = { ...as, xids: level.xids, locks, holder: { pid: 0 }, busy: false };
    store.prepared.set(as.gid, prepared);
    for (const [key, mode] of locks) store.locks.transfer(holder, prepared.holder, key, mode);
    store.dropView(this);
    yield* replicate(lsn);
  }

  abort(): void {
    while (this.#levels.length > 0) this.abortInnermost();
    this.#host.store.dropView(this);
  }

  #unlock(level: Level): void {
    const { store, holder } = this.#host;
    for (const [key, mode] of level.locks) {
      this.#lockedHere.delete(`${mode} ${key}`);
      store.locks.release(holder, key, mode);
    }
  }

  /** Takes a lock until the end of the current level. */
  *lock(key: string, mode: LockMode): Task<void> {
    const name = `${mode} ${key}`;
    if (this.#lockedHere.has(name)) return;
    const { store, holder, sleep } = this.#host;
    if (!store.locks.tryAcquire(holder, key, mode)) {
      yield* store.locks.acquire(holder, key, mode, sleep, this.#host.deadlockTimeoutMs());
    }
    this.#noteLock(key, mode, name);
  }

  tryLock(key: string, mode: LockMode): boolean {
    const name = `${mode} ${key}`;
    if (this.#lockedHere.has(name)) return true;
    if (!this.#host.store.locks.tryAcquire(this.#host.holder, key, mode)) return false;
    this.#noteLock(key, mode, name);
    return true;
  }

  #noteLock(key: string, mode: LockMode, name: string): void {
    this.#lockedHere.add(name);
    (this.#levels.at(-1) as Level).locks.push([key, mode]);
  }

  /** Waits until another (sub)transaction has ended. */
  *awaitEnd(xid: Xid): Task<void> {
    const { store, holder, sleep } = this.#host;
    const key = transactionKey(xid);
    if (!store.commits.isInProgress(xid)) return;
    yield* store.locks.acquire(holder, key, lockMode.share, sleep, this.#host.deadlockTimeoutMs());
    store.locks.release(holder, key, lockMode.share);
  }

  insert(relation: Relation, values: Row): Version {
    const xid = this.xid();
    const { heap } = relation;
    const version = heap.insert(values, xid, this.command);
    const { inserted } = this.#levels.at(-1) as Level;
    inserted.set(heap, (inserted.get(heap) ?? 0) + 1);
    this.#record(relation, { kind: 'insert', xid, heap: heap.id, tid: version.tid, values });
    return version;
  }

  /** `version` must have been claimed. */
  update(relation: Relation, version: Version, values: Row): Version {
    const xid = this.xid();
    const { heap } = relation;
    const next = heap.insert(values, xid, this.command);
    heap.markDead(version, xid, this.command, next);
    this.#record(relation, { kind: 'update', xid, heap: heap.id, from: version.tid, to: next.tid, values });
    return next;
  }

  /** `version` must have been claimed. */
  delete(relation: Relation, version: Version): void {
    const xid = this.xid();
    relation.heap.markDead(version, xid, this.command);
    this.#record(relation, { kind: 'delete', xid, heap: relation.heap.id, tid: version.tid });
  }

  /** Locks a claimed row FOR UPDATE. */
  lockRow(relation: Relation, version: Version): void {
    if (version.locker !== 0 && this.#own.has(version.locker)) return;
    const xid = this.xid();
    version.locker = xid;
    if (!relation.temporary) this.#log({ kind: 'lock', xid, heap: relation.heap.id, tid: version.tid });
  }

  /**
   * Waits until a row version may be changed by this transaction and answers which version that now is: the same, a newer one (read
   * committed follows the update and the caller must check its condition again), or none if the row is gone. In repeatable read a
   * concurrent change is an error (40001). A version that this transaction has replaced itself answers none.
   */
  *claim(version: Version, patience: 'wait' | 'nowait' | 'skip', table: string): Task<Version | undefined> {
    const { commits } = this.#host.store;
    let current = version;
    for (;;) {
      if (current.xmax !== 0 && this.#own.has(current.xmax)) return undefined;
      const blocker = this.#blocker(current);
      if (blocker !== 0) {
        if (patience === 'skip') return undefined;
        if (patience === 'nowait') throw couldNotObtainLockOnRow(table);
        yield* this.awaitEnd(blocker);
        continue;
      }
      if (current.xmax === 0 || !commits.isCommitted(current.xmax)) return current;
      if (this.kept !== undefined) throw couldNotSerialize(current.next === undefined ? 'delete' : 'update');
      if (current.next === undefined) return undefined;
      current = current.next;
    }
  }

  #blocker(version: Version): Xid {
    const { commits } = this.#host.store;
    if (version.xmax !== 0 && commits.isInProgress(version.xmax)) return version.xmax;
    if (version.locker !== 0 && !this.#own.has(version.locker) && commits.isInProgress(version.locker))
      return version.locker;
    return 0;
  }

  /** The row that already has this primary key, after waiting for those who may be about to add or remove it. */
  *findDuplicate(heap: Heap, values: Row): Task<Version | undefined> {
    if (heap.key === undefined) return undefined;
    const key = keyOf(values, heap.key);
    if (key === undefined) return undefined;
    for (;;) {
      const found = this.#duplicateOrBlocker(heap, key);
      if (typeof found !== 'number') return found;
      yield* this.awaitEnd(found);
    }
  }

  #duplicateOrBlocker(heap: Heap, key: string): Version | Xid | undefined {
    const { commits } = this.#host.store;
    for (const version of heap.withKey(key)) {
      if (commits.isAborted(version.xmin)) continue;
      if (commits.isInProgress(version.xmin) && !this.#own.has(version.xmin)) return version.xmin;
      const { xmax } = version;
      if (xmax === 0 || commits.isAborted(xmax)) return version;
      if (this.#own.has(xmax) || commits.isCommitted(xmax)) continue;
      return xmax;
    }
    return undefined;
  }

  create(namespace: Namespace, shape: TableShape): Relation {
    const { store } = this.#host;
    const oid = store.nextOid();
    const relation = store.makeRelation(oid, oid, shape, namespace.database === undefined);
    const xid = this.xid();
    namespace.catalog.add(relation, xid);
    this.#touch(namespace.catalog);
    const { database } = namespace;
    if (database === undefined) this.usedTemporary = true;
    // A temporary table is in the system's tables too, whose changes the log has; the model leaves them out.
    this.#wrote = true;
    if (database !== undefined) this.#log({ kind: 'create', xid, database, oid, heap: oid, shape });
    return relation;
  }

  drop(namespace: Namespace, relation: Relation): void {
    const xid = this.xid();
    namespace.catalog.remove(relation, xid);
    this.#touch(namespace.catalog);
    const { database } = namespace;
    this.#wrote = true;
    if (database !== undefined) this.#log({ kind: 'drop', xid, database, oid: relation.oid });
  }

  /** Gives the table a new, empty heap; rolling back gives the old one back. */
  truncate(namespace: Namespace, relation: Relation): void {
    const { store } = this.#host;
    const xid = this.xid();
    const heap = store.nextOid();
    namespace.catalog.remove(relation, xid);
    namespace.catalog.add({ ...store.makeRelation(relation.oid, heap, relation.shape, relation.temporary) }, xid);
    this.#touch(namespace.catalog);
    const { database } = namespace;
    this.#wrote = true;
    if (database !== undefined) this.#log({ kind: 'truncate', xid, database, oid: relation.oid, heap });
  }

  /** Removes what nobody sees any more, and tells the standbys. */
  vacuum(relation: Relation): void {
    const { store } = this.#host;
    const latest = relation.heap.vacuum(store.commits, store.oldestViewBut(this));
    if (latest > 0 && !relation.temporary) store.record({ kind: 'cleanup', xid: latest });
  }

  /** CREATE, ALTER and DROP ROLE; undefined drops. */
  putRole(name: string, role: RoleOptions | undefined): void {
    const { store } = this.#host;
    const xid = this.xid();
    store.roles.put(name, role, xid);
    this.#log({ kind: 'role', xid, name, role });
  }

  #touch(catalog: Catalog): void {
    (this.#levels.at(-1) as Level).catalogs.add(catalog);
  }

  #log(change: Change): void {
    this.#wrote = true;
    this.#host.store.record(change);
  }

  #record(relation: Relation, change: Change): void {
    if (relation.temporary) this.usedTemporary = true;
    else this.#log(change);
    relation.heap.prune(this.#host.store.commits, this.#host.store.oldestView);
  }
}
