import type { Row, Value } from '../storage/value.ts';
import type { Task } from '../wait.ts';
import type { Session } from '../session/session.ts';
import type { ResultColumn } from './plan.ts';
import type { Source } from './parser.ts';

/** What an expression may look at while it is evaluated. One per execution; `row` changes from row to row. */
export interface Env {
  readonly session: Session;
  readonly params: readonly Value[];
  row: Row;
  /** Results of the calls that may wait, made before the expression is evaluated. */
  slots: Value[];
  /** Results of aggregates. */
  aggregates: readonly Value[];
}

/** A compiled expression. */
export interface Expr {
  readonly type: number;
  readonly typmod: number;
  /** Byte offset in the source; -1 if unknown. */
  readonly location: number;
  readonly evaluate: (env: Env) => Value;
  /** A literal whose type is not decided yet (`null` or a quoted string). */
  readonly literal?: { readonly text: string | null };
  /** A parameter whose type is not decided yet. */
  readonly parameter?: number;
  /** Depends on the row. */
  readonly usesRow: boolean;
  /** Immutable, and depends on nothing but constants and parameters: the planner evaluates it beforehand. */
  readonly foldable?: boolean;
  /** What it is made of, for the planner that folds only parts of it. */
  readonly parts?: readonly Expr[];
  /** Set for `column = value`, where the value does not depend on the row. */
  readonly equality?: { readonly column: number; readonly value: Expr };
  /** The parts of an AND. */
  readonly conjuncts?: readonly Expr[];
  /** Set for a plain column. */
  readonly column?: number;
}

/** A call of a function that may wait (a lock, a sleep), evaluated before the row's expressions. */
export interface WaitingCall {
  readonly slot: number;
  run(env: Env): Task<Value>;
}

export interface Aggregate {
  start(): Value;
  /** Adds the current row. */
  next(state: Value, env: Env): Value;
}

/** The columns that names may refer to. */
export interface Scope {
  /** The name or alias under which the columns are known. */
  readonly alias: string;
  /** Its own name; undefined if it is no table. */
  readonly table: string | undefined;
  /** The model knows only some of the columns. */
  readonly partial?: true;
  readonly columns: readonly ResultColumn[];
  /** The row that ON CONFLICT kept from being inserted: its columns follow the table's. */
  readonly excluded?: true;
}

/** What the analysis of one statement gathers. */
export interface Analysis {
  readonly session: Session;
  readonly source: Source;
  /** OIDs; 0 where it is not decided yet. Grows with the parameters that are met, unless it is `fixed`. */
  readonly paramTypes: number[];
  /** SQL's EXECUTE and inner statements have exactly these parameters. */
  readonly paramsFixed: boolean;
  scope: Scope | undefined;
  readonly waiting: WaitingCall[];
  /** Undefined where aggregates are not allowed; the name of the clause is for the message. */
  aggregates: Aggregate[] | undefined;
  clause: string;
  insideAggregate: boolean;
  /** Whole expressions of the statement that planning folds. */
  readonly planned: Expr[];
  /** Columns outside aggregates: an error once there are aggregates. */
  readonly bareColumns: { readonly name: string; readonly location: number }[];
}

export function newAnalysis(
  session: Session,
  source: Source,
  paramTypes: number[] = [],
  paramsFixed = false,
): Analysis {
  return {
    session,
    source,
    paramTypes,
    paramsFixed,
    scope: undefined,
    waiting: [],
    aggregates: undefined,
    clause: 'WHERE',
    insideAggregate: false,
    planned: [],
    bareColumns: [],
  };
}

export function constant(value: Value, type: number, location: number, typmod = -1): Expr {
  return { type, typmod, location, evaluate: () => value, usesRow: false, foldable: true };
}

/** For an immutable expression over parts: foldable if they all are. */
export function folding(...parts: readonly Expr[]): Pick<Expr, 'foldable' | 'parts'> {
  return { foldable: parts.every((part) => part.foldable === true), parts };
}

/** The leftmost of several places: where an expression begins. */
export function leftmost(...locations: readonly number[]): number {
  const known = locations.filter((location) => location >= 0);
  return known.length === 0 ? -1 : Math.min(...known);
}

/** What the planner does with constant parts: it evaluates them, and their errors come before anything is executed. */
export function fold(exprs: readonly (Expr | undefined)[], env: Env): void {
  for (const expr of exprs) {
    if (expr === undefined) continue;
    if (expr.foldable === true) expr.evaluate(env);
    else if (expr.parts !== undefined) fold(expr.parts, env);
  }
}

/** Makes the calls that may wait, before the expressions of a row are evaluated. */
export function* settle(waiting: readonly WaitingCall[], env: Env): Task<void> {
  for (const call of waiting) env.slots[call.slot] = yield* call.run(env);
}
