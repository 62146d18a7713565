import { cursorOnlyForward, duplicateCursor, portalCannotBeRun, undefinedCursor } from '../errors.ts';
import type { Statement } from '../sql/parser.ts';
import { isWait, type Execution, type Plan, type Running } from '../sql/plan.ts';
import type { Row } from '../storage/value.ts';
import type { Task, Wait } from '../wait.ts';

export interface PortalOptions {
  readonly name: string;
  readonly plan: Plan;
  readonly execution: Execution;
  /** Of the result's columns: none, one for all, or one each. */
  readonly formats: readonly number[];
  /** How many savepoints deep it was made. */
  readonly level: number;
  readonly hold: boolean;
  /** DECLARE makes cursors, Bind makes portals. */
  readonly cursor: boolean;
  readonly scroll: 'yes' | 'no' | 'unsaid';
  /** What it executes; undefined for a cursor or an empty text. */
  readonly statement: Statement | undefined;
}

/** A statement being executed, as far as its rows were asked for (PostgreSQL documentation, "Extended Query", "DECLARE"). */
export class Portal {
  readonly name: string;
  readonly plan: Plan;
  readonly formats: readonly number[];
  readonly cursor: boolean;
  readonly scroll: 'yes' | 'no' | 'unsaid';
  readonly statement: Statement | undefined;
  level: number;
  #execution: Execution;
  #hold: boolean;
  #running: Running | undefined;
  #started = false;
  #ended = false;
  #failed = false;
  #tag = '';
  /** Rows that may be asked for again (cursors), or that wait to be asked for (plans that run at once). */
  readonly #rows: Row[] = [];
  /** 0 before the first row, n on the n-th, one more than there are behind the last. */
  #position = 0;

  constructor(options: PortalOptions) {
    this.name = options.name;
    this.plan = options.plan;
    this.formats = options.formats;
    this.cursor = options.cursor;
    this.scroll = options.scroll;
    this.level = options.level;
    this.statement = options.statement;
    this.#execution = options.execution;
    this.#hold = options.hold;
  }

  get hold(): boolean {
    return this.#hold;
  }

  /** The tag of a plan that has run to its end. */
  get tag(): string {
    return this.#tag;
  }

  fail(): void {
    this.#failed = true;
    this.#running = undefined;
  }

  /** It may not be run a second time unless it gives rows. */
  refuseIfDone(): void {
    if (this.#failed || (this.#ended && this.plan.columns === undefined)) throw portalCannotBeRun(this.name);
  }

  /** Runs a plan that runs at once to its end; its rows wait to be asked for. */
  *complete(): Task<void> {
    if (!this.#ended) yield* this.#runTo(Number.POSITIVE_INFINITY);
  }

  /** Runs forward for at most `limit` rows (0: all) and hands each to `sink`. Answers whether there may be more. */
  *forward(limit: number, sink: (row: Row) => void): Task<{ readonly count: number; readonly more: boolean }> {
    let count = 0;
    while (limit === 0 || count < limit) {
      const row = yield* this.#next();
      if (row === undefined) return { count, more: false };
      count += 1;
      sink(row);
    }
    return { count, more: true };
  }

  /** Runs backward for at most `limit` rows (0: all). */
  backward(limit: number, sink: (row: Row) => void): number {
    this.#refuseBackward();
    let count = 0;
    while (limit === 0 || count < limit) {
      if (this.#position > 0) this.#position -= 1;
      const row = this.#position === 0 ? undefined : this.#rows[this.#position - 1];
      if (row === undefined) break;
      count += 1;
      sink(row);
    }
    return count;
  }

  /** Goes to a row by its number, negative from the end; answers the row if there is one. */
  *absolute(position: number): Task<Row | undefined> {
    if (position < 0) {
      yield* this.#runTo(Number.POSITIVE_INFINITY);
      return yield* this.absolute(Math.max(0, this.#rows.length + 1 + position));
    }
    if (position <= this.#position) this.#refuseBackward();
    yield* this.#runTo(position);
    this.#position = Math.min(position, this.#rows.length + 1);
    return position === 0 ? undefined : this.#rows[position - 1];
  }

  /** The row where the cursor stands. */
  current(): Row | undefined {
    return this.#position === 0 ? undefined : this.#rows[this.#position - 1];
  }

  get position(): number {
    return this.#position;
  }

  /** WITH HOLD at commit: all rows are fetched, and the cursor lives on without its transaction. */
  *materialize(): Task<void> {
    yield* this.#runTo(Number.POSITIVE_INFINITY);
    this.#hold = true;
    this.level = -1;
  }

  *#next(): Task<Row | undefined> {
    if (this.cursor || !this.plan.streaming) {
      if (!this.plan.streaming) yield* this.complete();
      yield* this.#runTo(this.#position + 1);
      const row = this.#rows[this.#position];
      this.#position = Math.min(this.#position + 1, this.#rows.length + 1);
      return row;
    }
    return yield* this.#pull();
  }

  *#runTo(count: number): Task<void> {
    while (this.#rows.length < count) {
      const row = yield* this.#pull();
      if (row === undefined) return;
      this.#rows.push(row);
    }
  }

  /** The next row of the plan itself. */
  *#pull(): Task<Row | undefined> {
    if (this.#ended) return undefined;
    if (!this.#started) {
      this.#started = true;
      this.#running = this.plan.run(this.#execution);
    }
    const running = this.#running as Running;
    let step = running.next();
    for (;;) {
      if (step.done === true) {
        this.#ended = true;
        this.#tag = step.value;
        this.#running = undefined;
        return undefined;
      }
      if (!isWait(step.value)) return step.value;
      step = yield* waitIn(running, step.value);
    }
  }

  #refuseBackward(): void {
    if (this.scroll === 'no' || !this.cursor) throw cursorOnlyForward();
  }
}

/** What ends a wait ends it in the plan that waits: a commit that waits for its quorum is not undone by a cancel. */
function* waitIn(running: Running, wait: Wait): Task<ReturnType<Running['next']>> {
  try {
    yield wait;
  } catch (error) {
    return running.throw(error);
  }
  return running.next();
}

/** The session's portals by name. They end with their transaction, cursors WITH HOLD with the session. */
export class Portals {
  readonly #portals: Map<string, Portal> = new Map();

  get(name: string): Portal | undefined {
    return this.#portals.get(name);
  }

  /** 34000 if there is none. */
  must(name: string, word: 'cursor' | 'portal'): Portal {
    const portal = this.#portals.get(name);
    if (portal === undefined) throw undefinedCursor(name, word);
    return portal;
  }

  /** The unnamed one is replaced silently. */
  add(portal: Portal): void {
    if (portal.name !== '' && this.#portals.has(portal.name)) throw duplicateCursor(portal.name);
    this.#portals.set(portal.name, portal);
  }

  delete(name: string): void {
    this.#portals.delete(name);
  }

  /** CLOSE ALL. */
  clear(): void {
    this.#portals.clear();
  }

  names(): string[] {
    return [...this.#portals.values()]
      .filter((portal) => portal.name !== '')
      .map((portal) => portal.name)
      .toSorted();
  }

  heldNames(): string[] {
    return [...this.#portals.values()]
      .filter((portal) => portal.level === -1)
      .map((portal) => portal.name)
      .toSorted();
  }

  /** Held cursors keep their rows, all others go. */
  *atCommit(): Task<void> {
    for (const portal of [...this.#portals.values()]) {
      if (portal.level === -1) continue;
      if (portal.hold) yield* portal.materialize();
      else this.#portals.delete(portal.name);
    }
  }

  /** A rollback: only cursors held since an earlier transaction stay. */
  dropAll(why: 'failed' | 'closed'): void {
    for (const portal of [...this.#portals.values()]) {
      if (why === 'failed' && portal.level === -1) continue;
      portal.fail();
      this.#portals.delete(portal.name);
    }
  }

  /** A savepoint is undone: what was made inside goes. */
  dropLevel(level: number): void {
    for (const portal of [...this.#portals.values()]) {
      if (portal.level >= level) this.#portals.delete(portal.name);
    }
  }

  /** A savepoint is released. */
  mergeLevel(level: number): void {
    for (const portal of this.#portals.values()) if (portal.level === level) portal.level = level - 1;
  }
}
