import { hex } from '@multigres/core';
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
  /** What tells it from others. */
  readonly content: string;
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
  readonly #resultBegun: (statement: Statement) => void;

  /** `resultBegun` is told when it is known what a statement answers. */
  constructor(resultBegun: (statement: Statement) => void) {
    this.#resultBegun = resultBegun;
  }

  get size(): number {
    return this.#byContent.size;
  }

  /** The statement of this content, referenced once more. */
  acquire(query: string, parameterTypes: readonly number[]): Statement {
    // Numbers and commas cannot contain the separator, so different contents have different keys.
    return this.#acquire(`${parameterTypes.join(',')};${query}`, query, parameterTypes);
  }

  /**
   * In place of an acquired statement the one that answers this: it may be known already that it does, or not; or it answers something else here by now, and sessions of
   * another pooler come that rely on what it did.
   */
  relying(statement: Statement, bytes: Uint8Array): Statement {
    const { results, content, query, parameterTypes } = statement;
    const result = results.known(bytes);
    if (results.first === result) return statement;
    this.release(statement);
    // No text holds a zero.
    const other = this.#acquire(`${content}\0${hex(result)}`, query, parameterTypes);
    other.results.known(result);
    return other;
  }

  #acquire(content: string, query: string, parameterTypes: readonly number[]): Statement {
    const found = this.#byContent.get(content);
    if (found !== undefined) found.references += 1;
    return found ?? this.#make(content, query, parameterTypes);
  }

  #make(content: string, query: string, parameterTypes: readonly number[]): Statement {
    this.#lastNumber += 1;
    const [history, plan] = [new DurationHistory(), new PlanChoice()];
    const results: StatementResults = new StatementResults(query, () => this.#resultBegun(statement));
    const number = this.#lastNumber;
    const statement: Statement = {
      number,
      query,
      parameterTypes,
      references: 1,
      history,
      plan,
      results,
      content,
    };
    this.#byContent.set(content, statement);
    return statement;
  }

  /** Backends may still have it prepared; they close it when they need the room. */
  release(statement: Statement): void {
    statement.references -= 1;
    if (statement.references === 0) this.#byContent.delete(statement.content);
  }
}
