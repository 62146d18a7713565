import type { InsertStmt, List, Node, RangeVar, ResTarget, SelectStmt } from 'libpg-query';

import {
  cannotAffectTwice,
  cannotAssign,
  conflictNeedsTarget,
  couldNotSerialize,
  duplicateColumn,
  insertTooFewTargets,
  insertTooManyTargets,
  noUniqueConstraintForConflict,
  undefinedColumnOf,
  unsupported,
} from '../errors.ts';
import { lockMode } from '../storage/lock-mode.ts';
import { isVisible } from '../storage/heap.ts';
import type { Column, Relation } from '../storage/relation.ts';
import type { Row, Value } from '../storage/value.ts';
import type { Session } from '../session/session.ts';
import type { Task, Wait } from '../wait.ts';
import { analyzeExpression } from './analyze-expression.ts';
import { coerce } from './coerce.ts';
import { fold, settle, type Analysis, type Env, type Expr } from './expression.ts';
import { bodyOf, kindOf } from './parser.ts';
import { isWait, type Execution, type Plan, type Running } from './plan.ts';
import { checkAccess, checkNotNull, duplicateKeyError, refuseReadOnly } from './row-check.ts';
import { analyzeTarget, analyzeWhere, newEnv, planSelect } from './select.ts';
import { lockTable, relationKey, scopeOf } from './scan.ts';
import { typeName } from './types.ts';

/** Gives the values of the named columns for each row to insert. */
type RowSource = (execution: Execution, env: Env) => Generator<Wait | Row, void, void>;

/** Analyses an INSERT. */
export function* planInsert(analysis: Analysis, stmt: InsertStmt): Task<Plan> {
  if (stmt.withClause !== undefined) throw unsupported('WITH');
  const range = stmt.relation as RangeVar;
  const { relation } = yield* lockTable(analysis.session, range, analysis.source, lockMode.rowExclusive);
  const columns = targetColumns(analysis, stmt, relation);
  const source = yield* rowSource(analysis, stmt, relation, columns);
  const action = conflictAction(analysis, stmt, relation);
  const update = action === 'update' ? planConflictUpdate(analysis, stmt, relation) : undefined;
  analysis.scope = scopeOf(relation, range);
  const returning = (stmt.returningClause?.exprs ?? []).flatMap((node) =>
    analyzeTarget(analysis, bodyOf<ResTarget>(node)),
  );
  return {
    columns: returning.length === 0 ? undefined : returning.map(({ column }) => column),
    streaming: false,
    snapshot: true,
    fold: (execution) => fold(analysis.planned, newEnv(execution)),
    *run(execution): Running {
      const { session } = execution;
      checkAccess(session, relation);
      refuseReadOnly(session, relation, 'INSERT');
      yield* session.mustTransaction().lock(relationKey(session, relation), lockMode.rowExclusive);
      const env = newEnv(execution);
      let count = 0;
      for (const given of source(execution, env)) {
        if (isWait(given)) {
          yield given;
          continue;
        }
        const row = fullRow(session, relation, columns, given);
        const stored =
          update === undefined
            ? (yield* insertRow(session, relation, row, action === 'ignore'))
              ? row
              : undefined
            : yield* insertOrUpdate(update, relation, row, env);
        if (stored === undefined) continue;
        count += 1;
        if (returning.length === 0) continue;
        env.row = stored;
        yield returning.map(({ expr }) => expr.evaluate(env));
      }
      return `INSERT 0 ${count}`;
    },
  };
}

/** Checks and inserts one row; false if a conflict is to be ignored. Throws 23502 and 23505. */
export function* insertRow(session: Session, relation: Relation, row: Row, ignoreConflicts: boolean): Task<boolean> {
  checkNotNull(session, relation, row);
  const transaction = session.mustTransaction();
  const duplicate = yield* transaction.findDuplicate(relation.heap, row);
  if (duplicate !== undefined) {
    if (!ignoreConflicts) throw duplicateKeyError(session, relation, row);
    if (
      session.repeatable &&
      !isVisible(duplicate, transaction.view(), session.host.store.commits) &&
      !transaction.own.has(duplicate.xmin)
    ) {
      throw couldNotSerialize('update');
    }
    return false;
  }
  transaction.insert(relation, row);
  return true;
}

/** ON CONFLICT DO UPDATE: what to set, and of which rows. */
interface ConflictUpdate {
  readonly assignments: readonly { readonly at: number; readonly value: Expr | undefined }[];
  readonly where: Expr | undefined;
}

function planConflictUpdate(analysis: Analysis, stmt: InsertStmt, relation: Relation): ConflictUpdate {
  const clause = stmt.onConflictClause;
  analysis.clause = 'UPDATE';
  analysis.scope = { ...scopeOf(relation, stmt.relation as RangeVar), excluded: true };
  const assignments: { at: number; value: Expr | undefined }[] = [];
  for (const node of clause?.targetList ?? []) {
    const { name, val, location, indirection } = bodyOf<ResTarget>(node);
    if (indirection !== undefined || val === undefined || kindOf(val) === 'MultiAssignRef')
      throw unsupported('this form of SET');
    const named = assignments.map((one) => one.at);
    const at = columnIndex(analysis, relation, name ?? '', location, named);
    if (relation.shape.primaryKey?.includes(at) === true) throw unsupported('ON CONFLICT that changes the key');
    assignments.push({ at, value: assigned(analysis, relation.shape.columns[at] as Column, val) });
  }
  return { assignments, where: analyzeWhere(analysis, clause?.whereClause) };
}

/** Answers the row that is there now, undefined if it was left alone. */
function* insertOrUpdate(update: ConflictUpdate, relation: Relation, row: Row, env: Env): Task<Row | undefined> {
  const { session } = env;
  const transaction = session.mustTransaction();
  for (;;) {
    checkNotNull(session, relation, row);
    const duplicate = yield* transaction.findDuplicate(relation.heap, row);
    if (duplicate === undefined) {
      transaction.insert(relation, row);
      return row;
    }
    if (transaction.own.has(duplicate.xmin) && duplicate.cmin >= transaction.command) throw cannotAffectTwice();
    if (session.repeatable && !isVisible(duplicate, transaction.view(), session.host.store.commits))
      throw couldNotSerialize('update');
    const version = yield* transaction.claim(duplicate, 'wait', relation.shape.name);
    if (version === undefined) continue;
    env.row = [...version.values, ...row];
    if (update.where !== undefined && update.where.evaluate(env) !== true) return undefined;
    const next = [...version.values];
    for (const { at, value } of update.assignments) {
      const column = relation.shape.columns[at] as Column;
      next[at] = value === undefined ? defaultValue(session, relation, column) : value.evaluate(env);
    }
    checkNotNull(session, relation, next);
    transaction.update(relation, version, next);
    return next;
  }
}

function targetColumns(analysis: Analysis, stmt: InsertStmt, relation: Relation): number[] {
  const { columns } = relation.shape;
  if (stmt.cols === undefined) return columns.map((_column, i) => i);
  const found: number[] = [];
  for (const node of stmt.cols) {
    const { name, location } = bodyOf<ResTarget>(node);
    found.push(columnIndex(analysis, relation, name ?? '', location, found));
  }
  return found;
}

/** The number of a column that is assigned to; 42703 if there is none, 42701 if it was named before. */
export function columnIndex(
  analysis: Analysis,
  relation: Relation,
  name: string,
  location: number | undefined,
  before: readonly number[],
): number {
  const at = relation.shape.columns.findIndex((column) => column.name === name);
  if (at < 0) throw undefinedColumnOf(name, relation.shape.name, analysis.source.position(location));
  if (before.includes(at)) throw duplicateColumn(name, analysis.source.position(location));
  return at;
}

/** An expression as the value of a column; undefined stands for DEFAULT. */
export function assigned(analysis: Analysis, column: Column, node: Node): Expr | undefined {
  if (kindOf(node) === 'SetToDefault') return undefined;
  return assignTo(analysis, column, analyzeExpression(analysis, node));
}

export function assignTo(analysis: Analysis, column: Column, expr: Expr): Expr {
  const typed = coerce(analysis, expr, column.type, column.typmod, 'assignment');
  if (typed === undefined) {
    throw cannotAssign(
      column.name,
      typeName(column.type),
      typeName(expr.type),
      analysis.source.position(expr.location),
    );
  }
  analysis.planned.push(typed);
  return typed;
}

function* rowSource(analysis: Analysis, stmt: InsertStmt, relation: Relation, columns: number[]): Task<RowSource> {
  if (stmt.selectStmt === undefined) {
    columns.length = 0;
    return function* defaults(): Generator<Row> {
      yield [];
    };
  }
  const select = bodyOf<SelectStmt>(stmt.selectStmt);
  if (select.valuesLists === undefined) return yield* selectSource(analysis, select, relation, columns);
  const lists = select.valuesLists.map((list) => bodyOf<List>(list).items ?? []);
  const width = (lists[0] ?? []).length;
  checkWidth(analysis, stmt, columns, width, lists[0] ?? []);
  const rows = lists.map((items) =>
    items.map((item, i) => assigned(analysis, relation.shape.columns[columns[i] as number] as Column, item)),
  );
  const { waiting } = analysis;
  return function* values(execution, env): Generator<Wait | Row, void, void> {
    if (waiting.length > 0) yield* settle(waiting, env);
    for (const row of rows) {
      yield row.map((expr, i) => {
        const column = relation.shape.columns[columns[i] as number] as Column;
        return expr === undefined ? defaultValue(execution.session, relation, column) : expr.evaluate(env);
      });
    }
  };
}

/** More values than columns is an error; fewer, without a list of columns, leaves the rest at their defaults. */
function checkWidth(
  analysis: Analysis,
  stmt: InsertStmt,
  columns: number[],
  width: number,
  first: readonly Node[],
): void {
  if (width > columns.length) {
    const extra = first[columns.length];
    const location = extra === undefined ? undefined : bodyOf<{ location?: number }>(extra).location;
    throw insertTooManyTargets(analysis.source.position(location));
  }
  if (width === columns.length) return;
  if (stmt.cols !== undefined) {
    const { location } = bodyOf<ResTarget>(stmt.cols[width] as Node);
    throw insertTooFewTargets(analysis.source.position(location));
  }
  columns.length = width;
}

function* selectSource(analysis: Analysis, select: SelectStmt, relation: Relation, columns: number[]): Task<RowSource> {
  const plan = yield* planSelect(analysis, select);
  const width = (plan.columns ?? []).length;
  if (width > columns.length) throw insertTooManyTargets(undefined);
  columns.length = width;
  const casts = (plan.columns ?? []).map((column, i) => {
    const at: Expr = {
      type: column.type,
      typmod: column.typmod,
      location: -1,
      usesRow: true,
      evaluate: (env) => env.row[i] ?? null,
    };
    return assignTo(analysis, relation.shape.columns[columns[i] as number] as Column, at);
  });
  return function* rows(execution, env): Generator<Wait | Row, void, void> {
    plan.fold?.(execution);
    for (const step of plan.run(execution)) {
      if (isWait(step)) {
        yield step;
        continue;
      }
      env.row = step;
      yield casts.map((cast) => cast.evaluate(env));
    }
  };
}

export function defaultValue(session: Session, relation: Relation, column: Column): Value {
  switch (column.default.kind) {
    case 'none':
      return null;
    case 'constant':
      return column.default.value;
    case 'now':
      return session.transactionStartMicros;
    case 'sequence': {
      const { schema } = relation.shape;
      const sequence = session.findRelation(schema, column.default.name)?.relation;
      return sequence === undefined ? null : castSequence(session.sequences.nextOf(sequence), column.type);
    }
  }
}

/** serial columns are ints. */
function castSequence(value: bigint, type: number): Value {
  return type === 20 ? value : Number(value);
}

/** A whole row from the values of some columns. */
export function fullRow(session: Session, relation: Relation, columns: readonly number[], values: Row): Row {
  const all = relation.shape.columns;
  if (columns.length === all.length && columns.every((column, i) => column === i)) return values;
  return all.map((column, i) => {
    const at = columns.indexOf(i);
    return at < 0 ? defaultValue(session, relation, column) : (values[at] as Value);
  });
}

/** What happens to a row whose key is there already. Looks at the named columns only: 42P10. */
function conflictAction(analysis: Analysis, stmt: InsertStmt, relation: Relation): 'refuse' | 'ignore' | 'update' {
  const clause = stmt.onConflictClause;
  if (clause === undefined) return 'refuse';
  if (clause.action === 'ONCONFLICT_UPDATE' && clause.infer === undefined)
    throw conflictNeedsTarget(analysis.source.position(clause.location));
  const names = (clause.infer?.indexElems ?? []).map((node) => bodyOf<{ name?: string }>(node).name ?? '');
  if (clause.infer?.conname !== undefined && clause.infer.conname !== relation.shape.primaryKeyName)
    throw unsupported('ON CONFLICT ON CONSTRAINT');
  if (names.length > 0) {
    const key = (relation.shape.primaryKey ?? []).map((column) => relation.shape.columns[column]?.name);
    if (key.length !== names.length || names.some((name) => !key.includes(name))) throw noUniqueConstraintForConflict();
  }
  return clause.action === 'ONCONFLICT_UPDATE' ? 'update' : 'ignore';
}
