import { assert, type Lsn } from '@multigres/core';

import type { CommitSequence, Xid } from './commit-log.ts';
import { CommitLog } from './commit-log.ts';
import { Catalog } from './catalog.ts';
import { Heap, type Version } from './heap.ts';
import { LockManager } from './lock-manager.ts';
import type { DataDirectory } from './data-directory.ts';
import type { Change } from './log-record.ts';
import type { RoleOptions } from '../session/host.ts';
import { RoleCatalog } from './role-catalog.ts';
import type { PreparedTransaction } from './prepared.ts';
import { Recovery } from './recovery.ts';
import type { Relation, TableShape } from './relation.ts';

const noTransactions: ReadonlySet<Xid> = new Set();

/** OIDs below this are Postgres's own. */
const firstNormalOid = 16_384;

/** nextval logs this many values ahead, so that a crash may skip some but never repeats one. */
export const sequenceLogAhead = 32n;

/** What lives in a running server's shared memory: rebuilt from the log by every start. */
export class Store {
  readonly commits: CommitLog = new CommitLog();
  readonly roles: RoleCatalog;
  /** Prepared transactions by gid. */
  readonly prepared: Map<string, PreparedTransaction> = new Map();
  /** Of transactions that are just being prepared. */
  readonly reservedGids: Set<string> = new Set();
  readonly locks: LockManager = new LockManager();
  readonly #directory: DataDirectory;
  /** While the log is replayed; who asks for something else meanwhile may only read. */
  #recovery: Recovery | undefined;
  readonly #databases: Map<string, Catalog> = new Map();
  readonly #views: Map<object, CommitSequence> = new Map();
  #nextOid = firstNormalOid;

  /** As the data files have it; the log is replayed on top, until `endRecovery`. */
  constructor(directory: DataDirectory, roles: ReadonlyMap<string, RoleOptions>) {
    this.#directory = directory;
    this.roles = new RoleCatalog(this.commits, roles);
    for (const name of directory.databases) this.#databases.set(name, new Catalog(this.commits));
    const recovery = new Recovery(this);
    this.#recovery = recovery;
    for (const record of directory.applied) recovery.apply(record.change);
  }

  get inRecovery(): boolean {
    return this.#recovery !== undefined;
  }

  /** What the log says next. */
  replay(change: Change): void {
    (this.#recovery as Recovery).apply(change);
  }

  /** Nothing more will be replayed: what has no commit record never happened. */
  endRecovery(): void {
    this.#recovery = undefined;
    this.abortRunning();
    for (const { holder, locks } of this.prepared.values())
      for (const [key, mode] of locks) this.locks.tryAcquire(holder, key, mode);
  }

  /** Whatever ran when the log was written is over, unless it was prepared. */
  abortRunning(): void {
    this.commits.endRecovery(new Set([...this.prepared.values()].flatMap(({ xids }) => xids)));
  }

  /** Records a change in the log; answers where it ends. */
  record(change: Change): Lsn {
    assert(this.#recovery === undefined, 'a server in recovery writes no log');
    return this.#directory.append(change);
  }

  database(name: string): Catalog | undefined {
    return this.#databases.get(name);
  }

  get databaseNames(): IterableIterator<string> {
    return this.#databases.keys();
  }

  nextOid(atLeast = 0): number {
    const oid = Math.max(this.#nextOid, atLeast);
    this.#nextOid = oid + 1;
    return oid;
  }

  makeRelation(oid: number, heap: number, shape: TableShape, temporary: boolean): Relation {
    return {
      oid,
      shape,
      heap: new Heap(heap, shape.primaryKey),
      temporary,
      sequence: shape.kind === 'sequence' ? { last: 1n, called: false } : undefined,
    };
  }

  /** A snapshot is in use: versions that it may see are kept. */
  holdView(owner: object, upTo: CommitSequence): void {
    this.#views.set(owner, upTo);
  }

  dropView(owner: object): void {
    this.#views.delete(owner);
  }

  viewOf(owner: object): CommitSequence | undefined {
    return this.#views.get(owner);
  }

  get oldestView(): CommitSequence {
    let oldest = this.commits.last;
    for (const view of this.#views.values()) if (view < oldest) oldest = view;
    return oldest;
  }

  oldestViewBut(owner: object): CommitSequence {
    let oldest = this.commits.last;
    for (const [other, view] of this.#views) if (other !== owner && view < oldest) oldest = view;
    return oldest;
  }

  /** The rows that a new session would see, in physical order; undefined if there is no such table. */
  committedRows(database: string, schema: string, table: string): readonly Version['values'][] | undefined {
    const relation = this.#databases.get(database)?.find(schema, table, noTransactions);
    if (relation === undefined) return undefined;
    const rows: Version['values'][] = [];
    for (const version of relation.heap.versions) {
      if (!this.commits.isCommitted(version.xmin)) continue;
      if (version.xmax === 0 || !this.commits.isCommitted(version.xmax)) rows.push(version.values);
    }
    return rows;
  }

  *committedTables(database: string): Generator<Relation> {
    const catalog = this.#databases.get(database);
    if (catalog !== undefined)
      for (const relation of catalog.all(noTransactions)) if (relation.shape.kind === 'table') yield relation;
  }
}
