import type { RoleBook, RoleOptions } from '../session/host.ts';
import type { CommitLog, Xid } from './commit-log.ts';

interface Version {
  /** Undefined: it was dropped. */
  readonly options: RoleOptions | undefined;
  readonly xid: Xid;
}

/** pg_authid: roles as SQL made and changed them, over those that were there from the beginning. */
export class RoleCatalog implements RoleBook {
  readonly #commits: CommitLog;
  readonly #first: ReadonlyMap<string, RoleOptions>;
  readonly #versions: Map<string, Version[]> = new Map();

  constructor(commits: CommitLog, first: ReadonlyMap<string, RoleOptions>) {
    this.#commits = commits;
    this.#first = first;
  }

  /** What a transaction has done to a role; seen by others when it has committed. */
  put(name: string, options: RoleOptions | undefined, xid: Xid): void {
    const versions = (this.#versions.get(name) ?? []).filter((version) => !this.#commits.isAborted(version.xid));
    versions.push({ options, xid });
    this.#versions.set(name, versions);
  }

  get(name: string, own?: ReadonlySet<Xid>): RoleOptions | undefined {
    const version = this.#versions
      .get(name)
      ?.findLast(({ xid }) => this.#commits.isCommitted(xid) || own?.has(xid) === true);
    return version === undefined ? this.#first.get(name) : version.options;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  all(): RoleOptions[] {
    const names = new Set([...this.#first.keys(), ...this.#versions.keys()]);
    return [...names].flatMap((name) => this.get(name) ?? []);
  }
}
