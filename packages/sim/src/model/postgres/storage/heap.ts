import type { CommitLog, CommitSequence, Xid } from './commit-log.ts';
import type { Row } from './value.ts';

/** One version of a row (PostgreSQL documentation, "Concurrency Control" and the system columns xmin, xmax, cmin, cmax, ctid). */
export interface Version {
  readonly tid: number;
  readonly values: Row;
  readonly xmin: Xid;
  readonly cmin: number;
  /** Who deleted or replaced it; 0 for nobody. */
  xmax: Xid;
  cmax: number;
  /** The version that replaced it. */
  next: Version | undefined;
  /** Who holds it FOR UPDATE; 0 for nobody. */
  locker: Xid;
}

/** What a statement sees: commits up to a point, and the own transaction's earlier commands. */
export interface View {
  /** The live (sub)transactions of the looking transaction. */
  readonly own: ReadonlySet<Xid>;
  readonly upTo: CommitSequence;
  /** Own changes by commands before this number are seen. */
  readonly command: number;
}

export function isVisible(version: Version, view: View, commits: CommitLog): boolean {
  if (view.own.has(version.xmin)) {
    if (version.cmin >= view.command) return false;
  } else if (!commits.isCommittedBy(version.xmin, view.upTo)) return false;
  if (version.xmax === 0) return true;
  if (view.own.has(version.xmax)) return version.cmax >= view.command;
  return !commits.isCommittedBy(version.xmax, view.upTo);
}

/** The key of a primary key's values, or undefined if one is null. */
export function keyOf(values: Row, columns: readonly number[]): string | undefined {
  if (columns.length === 1) {
    const value = values[columns[0] as number];
    return value === null || value === undefined ? undefined : String(value);
  }
  let key = '';
  for (const column of columns) {
    const value = values[column];
    if (value === null || value === undefined) return undefined;
    const text = String(value);
    key += `${text.length}:${text}`;
  }
  return key;
}

const nothing: readonly Version[] = [];

/** The versions of a table's rows in the order they were written, with an index on the primary key. */
export class Heap {
  /** Names the heap in the log; TRUNCATE gives a table a new one. */
  readonly id: number;
  readonly key: readonly number[] | undefined;
  #versions: Version[] = [];
  readonly #byKey: Map<string, Version[]> = new Map();
  #nextTid = 1;
  #mayBeDead = 0;

  constructor(id: number, key: readonly number[] | undefined) {
    this.id = id;
    this.key = key;
  }

  get versions(): readonly Version[] {
    return this.#versions;
  }

  /** All versions with this primary key, dead ones included. */
  withKey(key: string): readonly Version[] {
    return this.#byKey.get(key) ?? nothing;
  }

  insert(values: Row, xid: Xid, command: number, tid: number = this.#nextTid): Version {
    const version: Version = {
      tid,
      values,
      xmin: xid,
      cmin: command,
      xmax: 0,
      cmax: 0,
      next: undefined,
      locker: 0,
    };
    this.#nextTid = tid + 1;
    this.#versions.push(version);
    this.#index(version);
    return version;
  }

  markDead(version: Version, xid: Xid, command: number, next?: Version): void {
    version.xmax = xid;
    version.cmax = command;
    version.next = next;
    this.#mayBeDead += 1;
  }

  /** An insert that was rolled back leaves a dead version too. */
  noteRolledBack(count: number): void {
    this.#mayBeDead += count;
  }

  /** Forgets versions that no present or future view can see, when enough have gathered for it to cost nothing on average. */
  prune(commits: CommitLog, oldestView: CommitSequence): void {
    if (this.#mayBeDead < 64 || this.#mayBeDead * 2 < this.#versions.length) return;
    const live: Version[] = [];
    for (const version of this.#versions) {
      if (isDead(version, commits, oldestView)) this.#unindex(version);
      else live.push(version);
    }
    this.#versions = live;
    this.#mayBeDead = 0;
  }

  /** VACUUM: removes all that nobody can see any more. Answers the last transaction that had removed one of them, 0 for none. */
  vacuum(commits: CommitLog, oldestView: CommitSequence): Xid {
    let latest: Xid = 0;
    for (const { xmax } of this.#versions) {
      if (xmax > latest && commits.isCommittedBy(xmax, oldestView)) latest = xmax;
    }
    this.#mayBeDead = Math.max(this.#mayBeDead, this.#versions.length, 64);
    this.prune(commits, oldestView);
    return latest;
  }

  #index(version: Version): void {
    if (this.key === undefined) return;
    const key = keyOf(version.values, this.key);
    if (key === undefined) return;
    const same = this.#byKey.get(key);
    if (same === undefined) this.#byKey.set(key, [version]);
    else same.push(version);
  }

  #unindex(version: Version): void {
    if (this.key === undefined) return;
    const key = keyOf(version.values, this.key);
    if (key === undefined) return;
    const same = this.#byKey.get(key);
    if (same === undefined) return;
    const at = same.indexOf(version);
    if (at >= 0) same.splice(at, 1);
    if (same.length === 0) this.#byKey.delete(key);
  }
}

function isDead(version: Version, commits: CommitLog, oldestView: CommitSequence): boolean {
  if (commits.isAborted(version.xmin)) return true;
  return version.xmax !== 0 && commits.isCommittedBy(version.xmax, oldestView);
}
