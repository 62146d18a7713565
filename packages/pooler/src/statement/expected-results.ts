import type { Result } from './statement-results.ts';
import type { Statement } from './statement-table.ts';

/**
 * What a session takes its prepared statements to answer: what they answered when it prepared them. Of most statements that is the first result ever, which costs
 * nothing to remember.
 */
export class ExpectedResults {
  readonly #others: Map<Statement, Result | undefined> = new Map();

  /** Undefined: nobody has told it, so whatever comes is right. */
  of(statement: Statement): Result | undefined {
    return this.#others.has(statement) ? this.#others.get(statement) : statement.results.first;
  }

  /** The session has prepared it, and this is what it answers; undefined while that is not known. */
  set(statement: Statement, result: Result | undefined): void {
    if (result !== undefined && result === statement.results.first) this.#others.delete(statement);
    else this.#others.set(statement, result);
  }

  /** It is all as it was first. */
  get isEmpty(): boolean {
    return this.#others.size === 0;
  }
}
