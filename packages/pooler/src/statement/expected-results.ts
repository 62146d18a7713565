import type { Result } from './statement-results.ts';
import type { Statement } from './statement-table.ts';

/** More statements that differ are taken for what they were first: an error at worst. */
const othersMax = 1000;

interface Expected {
  /** Undefined: nobody has told it, so whatever comes is right. */
  readonly result: Result | undefined;
  /** The gateway knows that it is not the first. */
  readonly isTold: boolean;
}

/**
 * What a session takes its prepared statements to answer: what they answered when it prepared them. Of most statements that is the first result ever, which costs
 * nothing to remember.
 */
export class ExpectedResults {
  readonly #others: Map<Statement, Expected> = new Map();

  of(statement: Statement): Result | undefined {
    const other = this.#others.get(statement);
    return other === undefined ? statement.results.first : other.result;
  }

  /** The session has prepared it, and this is what it answers; undefined while that is not known. Answers whether the gateway has to be told. */
  set(statement: Statement, result: Result | undefined): boolean {
    const others = this.#others;
    const before = others.get(statement);
    const wasTold = before?.isTold ?? false;
    others.delete(statement);
    if (result !== undefined && result === statement.results.first) return wasTold;
    others.set(statement, { result, isTold: wasTold || result !== undefined });
    if (others.size > othersMax) others.delete(others.keys().next().value as Statement);
    return result !== undefined && result !== before?.result;
  }

  /** It is all as it was first. */
  get isEmpty(): boolean {
    return this.#others.size === 0;
  }
}
