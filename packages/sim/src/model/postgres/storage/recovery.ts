import type { Catalog } from './catalog.ts';
import type { Xid } from './commit-log.ts';
import type { Heap, Version } from './heap.ts';
import type { Change } from './log-record.ts';
import type { Relation, TableShape } from './relation.ts';
import type { Store } from './store.ts';

/** Replays changes in the order in which they were written. */
export class Recovery {
  readonly #store: Store;
  readonly #heaps: Map<number, { heap: Heap; versions: Map<number, Version> }> = new Map();
  readonly #touched: Map<Xid, Catalog> = new Map();
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
        this.#touched.set(change.xid, this.#catalog(change.database));
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
        this.#decided(change.xids);
        if (change.gid !== undefined) this.#store.prepared.delete(change.gid);
        return;
      case 'prepare':
        for (const xid of change.xids) this.#store.commits.sawInRecovery(xid);
        this.#store.prepared.set(change.gid, { ...change, holder: { pid: 0 }, busy: false });
        return;
      case 'abort':
        for (const xid of change.xids) this.#store.commits.sawInRecovery(xid);
        for (const xid of change.xids) this.#store.commits.abort(xid);
        this.#decided(change.xids);
        if (change.gid !== undefined) this.#store.prepared.delete(change.gid);
        return;
      case 'endOfRecovery':
        this.#store.abortRunning();
        return;
      case 'checkpoint':
        if (change.shutdown) this.#store.abortRunning();
        return;
      case 'role':
        this.#store.roles.put(change.name, change.role, change.xid);
        return;
      case 'cleanup':
      case 'lock':
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
    this.#touched.set(xid, this.#catalog(database));
  }

  /** Plans of a hot standby's sessions are made anew when a transaction that changed the catalogue has ended. */
  #decided(xids: readonly Xid[]): void {
    for (const xid of xids) {
      this.#touched.get(xid)?.decided();
      this.#touched.delete(xid);
    }
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
