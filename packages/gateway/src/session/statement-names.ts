import type { CatalogStatement } from '../statement/statement-catalog.ts';

/** What a name stood for before a Parse or Close changed it; that changes itself if an earlier change of the name turns out not to have happened. */
interface NamedChange {
  readonly name: string;
  before: CatalogStatement | undefined;
  /** By SQL's DISCARD or DEALLOCATE: Postgres answers it with neither ParseComplete nor CloseComplete. */
  readonly bySql?: true;
  /** The backend had it under its own name, or may have had. */
  onBackend?: 'surely' | 'maybe';
}

/** Undefined for changes that no name is about (closing a portal). */
export type NameChange = NamedChange | undefined;

/** The backend is being told a name, of which nobody knows yet whether it arrives. */
export interface Telling {
  readonly name: string;
}

/**
 * The session's prepared statements by name; the unnamed one is ''. Changes are made when the message is sent and undone if the group
 * fails before it: `undoAfter` takes what the changes answered.
 */
export class StatementNames {
  #byName: Map<string, CatalogStatement> | undefined;
  #unnamed: CatalogStatement | undefined;
  /** Names that also exist on the pinned backend as they are, because SQL refers to them. */
  #raw: Set<string> | undefined;
  #sqls: Set<string> | undefined;
  /** Names that the backend was told, and that it may not have got; with the last telling of each. */
  #doubtful: Map<string, Telling> | undefined;

  get(name: string): CatalogStatement | undefined {
    return name === '' ? this.#unnamed : this.#byName?.get(name);
  }

  isRaw(name: string): boolean {
    return this.#raw?.has(name) ?? false;
  }

  /** SQL's PREPARE may have given this name on the pinned backend: what the client says of it is for the backend to judge. */
  isSqls(name: string): boolean {
    return this.#sqls?.has(name) ?? false;
  }

  markSqls(name: string): void {
    this.#sqls ??= new Set();
    this.#sqls.add(name);
  }

  markRaw(name: string): void {
    this.#raw ??= new Set();
    this.#raw.add(name);
  }

  /** Whether the name may exist on the pinned backend, although nothing can rely on it. */
  isDoubtful(name: string): boolean {
    return this.#doubtful?.has(name) ?? false;
  }

  /** The backend is being told this name. */
  told(name: string): Telling {
    const telling = { name };
    (this.#doubtful ??= new Map()).set(name, telling);
    return telling;
  }

  /** It has arrived: the name is raw, unless it has changed or was told again since. */
  confirm(telling: Telling): void {
    const { name } = telling;
    if (this.#doubtful?.get(name) !== telling) return;
    this.#doubtful.delete(name);
    this.markRaw(name);
  }

  /** Names of carried statements, in the order they were made; without the unnamed one. */
  names(): string[] {
    return this.#byName === undefined ? [] : [...this.#byName.keys()];
  }

  set(name: string, statement: CatalogStatement | undefined): NamedChange {
    const before = this.get(name);
    if (before !== undefined) before.references -= 1;
    if (statement !== undefined) statement.references += 1;
    const onBackend = this.#leavesBackend(name);
    if (name === '') this.#unnamed = statement;
    else if (statement !== undefined) (this.#byName ??= new Map()).set(name, statement);
    else this.#byName?.delete(name);
    return onBackend === undefined ? { name, before } : { name, before, onBackend };
  }

  #leavesBackend(name: string): 'surely' | 'maybe' | undefined {
    const maybe = this.#doubtful?.delete(name) === true;
    if (this.#raw?.delete(name) === true) return 'surely';
    return maybe ? 'maybe' : undefined;
  }

  /**
   * Takes back, last first, what a failed group had not done: it got only so many ParseComplete and CloseComplete messages. What was sent behind it, `later`, may
   * have changed the same names again: those stay as they are, but what they were before was not what the failed group would have made of them.
   */
  undoAfter(changes: readonly NameChange[], completions: number, later: readonly (readonly NameChange[])[]): void {
    let left = completions;
    let from = 0;
    for (; left > 0 && from < changes.length; from++) if (changes[from]?.bySql !== true) left -= 1;
    for (let i = changes.length - 1; i >= from; i--) this.#undo(changes[i], later);
  }

  #undo(change: NameChange, later: readonly (readonly NameChange[])[]): void {
    if (change === undefined) return;
    for (const changes of later) {
      const next = changes.find((one) => one?.name === change.name);
      if (next === undefined) continue;
      next.before = change.before;
      if (change.onBackend !== undefined) next.onBackend = change.onBackend;
      return;
    }
    this.set(change.name, change.before);
    if (change.onBackend === 'surely') this.markRaw(change.name);
    else if (change.onBackend === 'maybe') this.told(change.name);
  }

  clear(): void {
    for (const name of this.names()) this.set(name, undefined);
    this.set('', undefined);
  }
}
