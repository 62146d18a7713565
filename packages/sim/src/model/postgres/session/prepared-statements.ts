import { duplicatePreparedStatement, undefinedPreparedStatement } from '../errors.ts';
import type { Plan, Planned } from '../sql/plan.ts';
import type { Statement } from '../sql/parser.ts';
import type { Task } from '../wait.ts';

export interface PreparedStatement {
  readonly name: string;
  /** Undefined for an empty text. */
  readonly statement: Statement | undefined;
  readonly text: string;
  readonly paramTypes: readonly number[];
  plan: Plan | undefined;
  /** Makes the plan anew. */
  analyze(): Task<Planned>;
  /** The catalogue under which `plan` was made. */
  epoch: string;
  /** Columns that were described to the client; a new plan must give the same. */
  readonly columns: Plan['columns'];
  /** By PREPARE, not by Parse. */
  readonly fromSql: boolean;
}

/** The session's prepared statements, by name; the unnamed one is replaced by every Parse. */
export class PreparedStatements {
  readonly #named: Map<string, PreparedStatement> = new Map();
  #unnamed: PreparedStatement | undefined;

  add(statement: PreparedStatement): void {
    if (statement.name === '') {
      this.#unnamed = statement;
      return;
    }
    if (this.#named.has(statement.name)) throw duplicatePreparedStatement(statement.name);
    this.#named.set(statement.name, statement);
  }

  get(name: string): PreparedStatement | undefined {
    return name === '' ? this.#unnamed : this.#named.get(name);
  }

  /** 26000 if there is none. */
  must(name: string): PreparedStatement {
    const statement = this.get(name);
    if (statement === undefined) throw undefinedPreparedStatement(name);
    return statement;
  }

  refuseDuplicate(name: string): void {
    if (name !== '' && this.#named.has(name)) throw duplicatePreparedStatement(name);
  }

  dropUnnamed(): void {
    this.#unnamed = undefined;
  }

  delete(name: string): void {
    if (name === '') this.#unnamed = undefined;
    else this.#named.delete(name);
  }

  clear(): void {
    this.#named.clear();
  }

  names(): string[] {
    return [...this.#named.keys()].toSorted();
  }
}
