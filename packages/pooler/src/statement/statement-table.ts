import type { UseKind } from '@multigres/relay';
import { DurationHistory } from './duration-history.ts';
import { PlanChoice } from './plan-choice.ts';
import { StatementResults } from './statement-results.ts';

/** A prepared statement by content: what carries from backend to backend. */
export interface Statement {
  /** Its name on the backends is made of this; never used for another content while the pooler lives. */
  readonly number: number;
  readonly query: string;
  readonly parameterTypes: readonly number[];
  /** How many definitions of links point here. */
  references: number;
  readonly history: DurationHistory;
  readonly plan: PlanChoice;
  readonly results: StatementResults;
}

/** A use (relay/uses.ts) with its statement; the statement is there for the kinds that name a carried one. */
export interface StatementUse {
  readonly kind: UseKind;
  readonly offset: number;
  /** What the gateway calls it. */
  readonly id: number;
  readonly statement: Statement | undefined;
}

/** All statements that the gateways have defined, each content once, however many gateways and sessions use it. */
export class StatementTable {
  readonly #byContent: Map<string, Statement> = new Map();
  #lastNumber = 0;

  get size(): number {
    return this.#byContent.size;
  }

  /** The statement of this content, referenced once more. */
  acquire(query: string, parameterTypes: readonly number[]): Statement {
    // Numbers and commas cannot contain the separator, so different contents have different keys.
    const key = `${parameterTypes.join(',')};${query}`;
    let statement = this.#byContent.get(key);
    if (statement === undefined) {
      this.#lastNumber += 1;
      const [history, plan, results] = [new DurationHistory(), new PlanChoice(), new StatementResults(query)];
      statement = { number: this.#lastNumber, query, parameterTypes, references: 0, history, plan, results };
      this.#byContent.set(key, statement);
    }
    statement.references += 1;
    return statement;
  }

  /** Backends may still have it prepared; they close it when they need the room. */
  release(statement: Statement): void {
    statement.references -= 1;
    if (statement.references === 0) this.#byContent.delete(`${statement.parameterTypes.join(',')};${statement.query}`);
  }
}
