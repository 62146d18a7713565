import type { DeleteStmt, Node, RangeVar, ResTarget, UpdateStmt } from 'libpg-query';

import { unsupported } from '../errors.ts';
import type { Version } from '../storage/heap.ts';
import { lockMode } from '../storage/lock-mode.ts';
import type { Column, Relation } from '../storage/relation.ts';
import type { Row } from '../storage/value.ts';
import type { Session } from '../session/session.ts';
import type { Task, Wait } from '../wait.ts';
import { fold, type Analysis, type Env, type Expr } from './expression.ts';
import { assigned, columnIndex, defaultValue } from './insert.ts';
import { bodyOf, kindOf } from './parser.ts';
import type { Plan, ResultColumn, Running } from './plan.ts';
import { checkAccess, checkNotNull, duplicateKeyError, refuseReadOnly } from './row-check.ts';
import { keyLookup, lockTable, relationKey, scan, scopeOf } from './scan.ts';
import { analyzeTarget, analyzeWhere, newEnv } from './select.ts';

interface Returning {
  readonly expr: Expr;
  readonly column: ResultColumn;
}

interface Change {
  readonly word: 'UPDATE' | 'DELETE';
  readonly relation: Relation;
  readonly where: Expr | undefined;
  readonly returning: readonly Returning[];
  readonly planned: readonly Expr[];
  /** Does it to a claimed version; answers the row that RETURNING shows. */
  apply(env: Env, version: Version): Task<Row>;
}

/** Analyses an UPDATE of one table. */
export function* planUpdate(analysis: Analysis, stmt: UpdateStmt): Task<Plan> {
  if (stmt.withClause !== undefined || stmt.fromClause !== undefined) throw unsupported('UPDATE with FROM or WITH');
  const range = stmt.relation as RangeVar;
  const { relation } = yield* lockTable(analysis.session, range, analysis.source, lockMode.rowExclusive);
  analysis.scope = scopeOf(relation, range);
  analysis.clause = 'UPDATE';
  const assignments: { at: number; value: Expr | undefined }[] = [];
  for (const node of stmt.targetList ?? []) {
    const { name, val, location, indirection } = bodyOf<ResTarget>(node);
    if (indirection !== undefined || val === undefined || kindOf(val) === 'MultiAssignRef')
      throw unsupported('this form of SET');
    const at = columnIndex(
      analysis,
      relation,
      name ?? '',
      location,
      assignments.map((one) => one.at),
    );
    assignments.push({ at, value: assigned(analysis, relation.shape.columns[at] as Column, val) });
  }
  const where = analyzeWhere(analysis, stmt.whereClause);
  if (analysis.waiting.length > 0) throw unsupported('a function that waits, in UPDATE');
  const changesKey = assignments.some(({ at }) => relation.shape.primaryKey?.includes(at) === true);
  return changePlan({
    word: 'UPDATE',
    relation,
    where,
    planned: analysis.planned,
    returning: returningOf(analysis, stmt.returningClause?.exprs),
    *apply(env, version): Task<Row> {
      const { session } = env;
      const row = [...version.values];
      for (const { at, value } of assignments) {
        row[at] =
          value === undefined
            ? defaultValue(session, relation, relation.shape.columns[at] as Column)
            : value.evaluate(env);
      }
      checkNotNull(session, relation, row);
      if (changesKey) yield* refuseDuplicate(session, relation, version, row);
      session.mustTransaction().update(relation, version, row);
      return row;
    },
  });
}

function* refuseDuplicate(session: Session, relation: Relation, version: Version, row: Row): Task<void> {
  const duplicate = yield* session.mustTransaction().findDuplicate(relation.heap, row);
  if (duplicate !== undefined && duplicate !== version) throw duplicateKeyError(session, relation, row);
}

/** Analyses a DELETE of one table. */
export function* planDelete(analysis: Analysis, stmt: DeleteStmt): Task<Plan> {
  if (stmt.withClause !== undefined || stmt.usingClause !== undefined) throw unsupported('DELETE with USING or WITH');
  const range = stmt.relation as RangeVar;
  const { relation } = yield* lockTable(analysis.session, range, analysis.source, lockMode.rowExclusive);
  analysis.scope = scopeOf(relation, range);
  const where = analyzeWhere(analysis, stmt.whereClause);
  return changePlan({
    word: 'DELETE',
    relation,
    where,
    planned: analysis.planned,
    returning: returningOf(analysis, stmt.returningClause?.exprs),
    // oxlint-disable-next-line require-yield -- as an UPDATE, which may wait for a duplicate
    *apply(env, version): Task<Row> {
      env.session.mustTransaction().delete(relation, version);
      return version.values;
    },
  });
}

function returningOf(analysis: Analysis, exprs: readonly Node[] | undefined): Returning[] {
  return (exprs ?? []).flatMap((node) => analyzeTarget(analysis, bodyOf<ResTarget>(node)));
}

function changePlan(change: Change): Plan {
  const { returning } = change;
  return {
    columns: returning.length === 0 ? undefined : returning.map(({ column }) => column),
    streaming: false,
    snapshot: true,
    fold: (execution) => fold([...change.planned, change.where], newEnv(execution)),
    *run(execution): Running {
      const { session } = execution;
      checkAccess(session, change.relation);
      refuseReadOnly(session, change.relation, change.word);
      yield* session.mustTransaction().lock(relationKey(session, change.relation), lockMode.rowExclusive);
      const env = newEnv(execution);
      let count = 0;
      for (const version of qualifying(change, env)) {
        const changed = yield* changeOne(change, env, version);
        if (changed === undefined) continue;
        count += 1;
        if (returning.length === 0) continue;
        env.row = changed;
        yield returning.map(({ expr }) => expr.evaluate(env));
      }
      return `${change.word} ${count}`;
    },
  };
}

function* qualifying(change: Change, env: Env): Generator<Version> {
  const { relation, where } = change;
  const view = env.session.mustTransaction().view();
  for (const version of scan(relation, view, keyLookup(relation, where), env)) {
    env.row = version.values;
    if (where === undefined || where.evaluate(env) === true) yield version;
  }
}

/** Waits for the row; if it has changed meanwhile the condition is asked again of the newest version. */
function* changeOne(change: Change, env: Env, seen: Version): Generator<Wait, Row | undefined, void> {
  const transaction = env.session.mustTransaction();
  const version = yield* transaction.claim(seen, 'wait', change.relation.shape.name);
  if (version === undefined) return undefined;
  env.row = version.values;
  if (version !== seen && change.where !== undefined && change.where.evaluate(env) !== true) return undefined;
  return yield* change.apply(env, version);
}
