import type { Result } from '../statement/statement-results.ts';
import type { Statement } from '../statement/statement-table.ts';

/** What is known of one statement on one backend. */
export interface PreparedStatement {
  readonly statement: Statement;
  /** As of the last reply. */
  present: boolean;
  /** Parse and Close messages under way, whose replies will change `present`. */
  pending: number;
  lastUse: number;
  /** Groups sent that run it, since it was prepared. */
  runs: number;
  /** DDL has changed what it answers: it is prepared anew for the next client that parses it, and refused to those that parsed it before. */
  changed: boolean;
  /** What it answers, as it was prepared here; undefined while that is not known. */
  result: Result | undefined;
  /** As of which DDL it was prepared. */
  schema: number;
  /** The use at which it was prepared last; see `uses`. */
  preparedAt: number;
}

/**
 * Which carried statements a backend has. Each Parse and Close is counted as under way until its reply, because an error before it makes
 * Postgres skip it: only what a reply confirmed is taken for granted.
 */
export class PreparedStatements {
  readonly #byNumber: Map<number, PreparedStatement> = new Map();
  readonly #countMax: number;
  #uses = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** Uses so far: `evict` spares what was used since. */
  get uses(): number {
    return this.#uses;
  }

  use(statement: Statement): PreparedStatement {
    let prepared = this.#byNumber.get(statement.number);
    if (prepared === undefined) {
      prepared = {
        statement,
        present: false,
        pending: 0,
        lastUse: 0,
        runs: 0,
        changed: false,
        result: undefined,
        preparedAt: 0,
        schema: 0,
      };
      this.#byNumber.set(statement.number, prepared);
    }
    this.#uses += 1;
    prepared.lastUse = this.#uses;
    return prepared;
  }

  /** The statement to close now, if there are too many: the one unused for longest, and not since `use`. It is forgotten here. */
  evict(use: number): PreparedStatement | undefined {
    if (this.#byNumber.size <= this.#countMax) return undefined;
    let oldest: PreparedStatement | undefined;
    for (const prepared of this.#byNumber.values()) {
      if (prepared.pending > 0 || prepared.lastUse > use) continue;
      if (oldest === undefined || prepared.lastUse < oldest.lastUse) oldest = prepared;
    }
    if (oldest !== undefined) this.#byNumber.delete(oldest.statement.number);
    return oldest;
  }

  /** DDL has changed what it answers. */
  changed(statement: Statement): void {
    const prepared = this.#byNumber.get(statement.number);
    if (prepared !== undefined) prepared.changed = true;
  }

  /** DISCARD ALL or DEALLOCATE ALL has run. */
  clear(): void {
    this.#byNumber.clear();
  }

  /** They may be there or not: prepare each again, closing it first. */
  doubt(): void {
    for (const prepared of this.#byNumber.values()) prepared.present = false;
  }
}
