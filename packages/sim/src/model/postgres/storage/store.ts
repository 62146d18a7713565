import type { CommitSequence, Xid } from './commit-log.ts';
import { CommitLog } from './commit-log.ts';
import { Catalog } from './catalog.ts';
import { Heap, type Version } from './heap.ts';
import { LockManager } from './lock-manager.ts';
import type { Change, WriteAheadLog } from './log.ts';
import type { Relation, TableShape } from './relation.ts';

const noTransactions: ReadonlySet<Xid> = new Set();

/** OIDs below this are Postgres's own. */
const firstNormalOid = 16_384;

/** nextval logs this many values ahead, so that a crash may skip some but never repeats one. */
export const sequenceLogAhead = 32n;

/** What lives in a running server's shared memory: rebuilt from the log by every start. */
export class Store {
  readonly commits: CommitLog = new CommitLog();
  readonly locks: LockManager = new LockManager();
  readonly log: WriteAheadLog;
  readonly #databases: Map<string, Catalog> = new Map();
  readonly #views: Map<object, CommitSequence> = new Map();
  #nextOid = firstNormalOid;

  /** Starts as Postgres does: replays the log; what has no commit record there never happened. */
  constructor(log: WriteAheadLog, databases: readonly string[]) {
    this.log = log;
    for (const name of databases) this.#databases.set(name, new Catalog(this.commits));
    const recovery = new Recovery(this);
    for (const record of log.records) recovery.apply(record.change);
    this.commits.endRecovery();
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

  get oldestView(): CommitSequence {
    let oldest = this.commits.last;
    for (const view of this.#views.values()) if (view < oldest) oldest = view;
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

/** Replays changes in the order in which they were written. */
class Recovery {
  readonly #store: Store;
  readonly #heaps: Map<number, { heap: Heap; versions: Map<number, Version> }> = new Map();
  readonly #relations: Map<number, { relation: Relation; xid: Xid }[]> = new Map();

  constructor(store: Store) {
    this.#store = store;
  }

  apply(change: Change): void {
    if ('xid' in change) this.#store.commits.sawInRecovery(change.xid);
    switch (change.kind) {
      case 'insert': {
        const target = this.#heap(change.heap);
        target.versions.set(change.tid, target.heap.insert(change.values, change.xid, 0, change.tid));
        return;
      }
      case 'update': {
        const target = this.#heap(change.heap);
        const next = target.heap.insert(change.values, change.xid, 0, change.to);
        target.versions.set(change.to, next);
        target.heap.markDead(target.versions.get(change.from) as Version, change.xid, 0, next);
        return;
      }
      case 'delete': {
        const target = this.#heap(change.heap);
        target.heap.markDead(target.versions.get(change.tid) as Version, change.xid, 0);
        return;
      }
      case 'create':
        this.#create(change.database, change.oid, change.heap, change.shape, change.xid);
        return;
      case 'drop':
        this.#catalog(change.database).remove(this.#relation(change.oid), change.xid);
        return;
      case 'truncate': {
        const old = this.#relation(change.oid);
        this.#catalog(change.database).remove(old, change.xid);
        this.#create(change.database, change.oid, change.heap, old.shape, change.xid);
        return;
      }
      case 'sequence': {
        const { sequence } = this.#relation(change.oid);
        if (sequence !== undefined) Object.assign(sequence, { last: change.last, called: change.called });
        return;
      }
      case 'commit':
        for (const xid of change.xids) this.#store.commits.sawInRecovery(xid);
        this.#store.commits.commit(change.xids);
        return;
      case 'abort':
        for (const xid of change.xids) this.#store.commits.sawInRecovery(xid);
        for (const xid of change.xids) this.#store.commits.abort(xid);
    }
  }

  #create(database: string, oid: number, heap: number, shape: TableShape, xid: Xid): void {
    this.#store.nextOid(Math.max(oid, heap));
    const relation = this.#store.makeRelation(oid, heap, shape, false);
    this.#heaps.set(heap, { heap: relation.heap, versions: new Map() });
    const generations = this.#relations.get(oid);
    if (generations === undefined) this.#relations.set(oid, [{ relation, xid }]);
    else generations.push({ relation, xid });
    this.#catalog(database).add(relation, xid);
  }

  /** A TRUNCATE that was rolled back left a generation that nobody means. */
  #relation(oid: number): Relation {
    const generations = this.#relations.get(oid) as { relation: Relation; xid: Xid }[];
    const latest = generations.findLast(({ xid }) => !this.#store.commits.isAborted(xid));
    return (latest as { relation: Relation }).relation;
  }

  #catalog(database: string): Catalog {
    return this.#store.database(database) as Catalog;
  }

  #heap(id: number): { heap: Heap; versions: Map<number, Version> } {
    return this.#heaps.get(id) as { heap: Heap; versions: Map<number, Version> };
  }
}
