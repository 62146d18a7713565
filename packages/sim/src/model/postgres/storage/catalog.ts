import type { CommitLog, Xid } from './commit-log.ts';
import type { Relation } from './relation.ts';

interface Entry {
  readonly relation: Relation;
  readonly xmin: Xid;
  xmax: Xid;
}

/**
 * The relations of one database, or of one session's temporary schema. Entries are versioned like rows, but looked at with the latest
 * snapshot, as Postgres's catalogue scans do: committed by anybody, or done by the looking transaction.
 */
export class Catalog {
  readonly #commits: CommitLog;
  readonly #byName: Map<string, Entry[]> = new Map();
  /** Changes whenever a lookup might answer differently: plans made under another epoch are made again. */
  epoch = 0;

  constructor(commits: CommitLog) {
    this.#commits = commits;
  }

  find(schema: string, name: string, own: ReadonlySet<Xid>): Relation | undefined {
    const entries = this.#byName.get(`${schema}.${name}`);
    if (entries === undefined) return undefined;
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i] as Entry;
      if (this.#isThere(entry, own)) return entry.relation;
    }
    return undefined;
  }

  /** A creation or removal of this name that is not decided yet, by somebody else. */
  undecided(schema: string, name: string, own: ReadonlySet<Xid>): Xid | undefined {
    for (const entry of this.#byName.get(`${schema}.${name}`) ?? []) {
      if (this.#commits.isInProgress(entry.xmin) && !own.has(entry.xmin)) return entry.xmin;
    }
    return undefined;
  }

  *all(own: ReadonlySet<Xid>): Generator<Relation> {
    for (const entries of this.#byName.values()) {
      for (const entry of entries) if (this.#isThere(entry, own)) yield entry.relation;
    }
  }

  add(relation: Relation, xid: Xid): void {
    const name = `${relation.shape.schema}.${relation.shape.name}`;
    const entries = (this.#byName.get(name) ?? []).filter((entry) => !this.#isGone(entry));
    entries.push({ relation, xmin: xid, xmax: 0 });
    this.#byName.set(name, entries);
    this.epoch += 1;
  }

  remove(relation: Relation, xid: Xid): void {
    for (const entry of this.#byName.get(`${relation.shape.schema}.${relation.shape.name}`) ?? []) {
      if (entry.relation === relation) entry.xmax = xid;
    }
    this.epoch += 1;
  }

  /** A transaction that changed the catalogue has ended, either way. */
  decided(): void {
    this.epoch += 1;
  }

  #isThere(entry: Entry, own: ReadonlySet<Xid>): boolean {
    if (!own.has(entry.xmin) && !this.#commits.isCommitted(entry.xmin)) return false;
    return entry.xmax === 0 || !(own.has(entry.xmax) || this.#commits.isCommitted(entry.xmax));
  }

  #isGone(entry: Entry): boolean {
    return this.#commits.isAborted(entry.xmin) || (entry.xmax !== 0 && this.#commits.isCommitted(entry.xmax));
  }
}
