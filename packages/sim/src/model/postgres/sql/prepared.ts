import { cachedPlanChanged } from '../errors.ts';
import type { PreparedStatement } from '../session/prepared-statements.ts';
import type { Session } from '../session/session.ts';
import type { Task } from '../wait.ts';
import type { Plan, ResultColumn } from './plan.ts';

/** The statement's plan, made anew if the catalogue has changed since; 0A000 if its result would have other columns. */
export function* currentPlan(session: Session, prepared: PreparedStatement): Task<Plan> {
  if (prepared.statement === undefined) throw new Error('an empty statement has no plan');
  if (prepared.plan !== undefined && prepared.epoch === session.catalogEpoch && isCacheable(prepared.statement.kind))
    return prepared.plan;
  const { plan } = yield* prepared.analyze();
  if (!sameColumns(plan.columns, prepared.columns)) throw cachedPlanChanged();
  prepared.plan = plan;
  prepared.epoch = session.catalogEpoch;
  return plan;
}

/** Other statements are looked at anew each time, because they depend on the session's state. */
function isCacheable(kind: string): boolean {
  return kind === 'SelectStmt' || kind === 'InsertStmt' || kind === 'UpdateStmt' || kind === 'DeleteStmt';
}

function sameColumns(a: readonly ResultColumn[] | undefined, b: readonly ResultColumn[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.length === b.length &&
    a.every((column, i) => column.name === b[i]?.name && column.type === b[i]?.type && column.typmod === b[i]?.typmod)
  );
}
