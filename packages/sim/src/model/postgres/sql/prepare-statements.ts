import type { DeallocateStmt, ExecuteStmt, PrepareStmt, TypeName } from 'libpg-query';

import { cannotCoerceParameter, invalidPrepare, wrongParameterCount } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Value } from '../storage/value.ts';
import type { Task } from '../wait.ts';
import { currentPlan } from './prepared.ts';
import { analyzeExpression, resolveType } from './analyze-expression.ts';
import { coerce } from './coerce.ts';
import { newAnalysis } from './expression.ts';
import { bodyOf, kindOf, type Source, type Statement } from './parser.ts';
import { command, waitingCommand, type Plan } from './plan.ts';
import { newEnv } from './select.ts';
import { planStatement } from './statement.ts';
import { typeName } from './types.ts';

/** PREPARE. */
export function planPrepare(session: Session, outer: Statement, stmt: PrepareStmt): Plan {
  const name = stmt.name ?? '';
  return waitingCommand(function* run() {
    if (name === '') throw invalidPrepare('invalid statement name: must not be empty');
    if (stmt.query === undefined) throw invalidPrepare('utility statements cannot be prepared');
    const inner: Statement = { kind: kindOf(stmt.query), node: stmt.query, source: outer.source, text: outer.text };
    const analysis = newAnalysis(session, outer.source);
    const given = (stmt.argtypes ?? []).map((node) => resolveType(analysis, bodyOf<TypeName>(node)).type);
    const { plan, paramTypes } = yield* planStatement(session, inner, given);
    session.statements.add({
      name,
      statement: inner,
      text: outer.text,
      paramTypes,
      plan,
      epoch: session.catalogEpoch,
      columns: plan.columns,
      fromSql: true,
    });
    return 'PREPARE';
  });
}

/** EXECUTE. */
export function* planExecute(session: Session, source: Source, stmt: ExecuteStmt): Task<Plan> {
  const prepared = session.statements.must(stmt.name ?? '');
  const inner = yield* currentPlan(session, prepared);
  const given = stmt.params ?? [];
  if (given.length !== prepared.paramTypes.length) {
    throw wrongParameterCount(prepared.name, prepared.paramTypes.length, given.length);
  }
  const analysis = newAnalysis(session, source);
  const exprs = given.map((node, i) => {
    const expr = analyzeExpression(analysis, node);
    const type = prepared.paramTypes[i] as number;
    const typed = coerce(analysis, expr, type, -1, 'assignment');
    if (typed === undefined)
      throw cannotCoerceParameter(i + 1, typeName(expr.type), typeName(type), source.position(expr.location));
    return typed;
  });
  return {
    ...inner,
    streaming: false,
    run: (execution) => {
      const env = newEnv(execution);
      const params: Value[] = exprs.map((expr) => expr.evaluate(env));
      return inner.run({ session, params });
    },
  };
}

/** DEALLOCATE name, DEALLOCATE ALL. */
export function planDeallocate(session: Session, stmt: DeallocateStmt): Plan {
  return command(() => {
    if (stmt.name === undefined || stmt.isall === true) {
      session.statements.clear();
      return 'DEALLOCATE ALL';
    }
    session.statements.must(stmt.name);
    session.statements.delete(stmt.name);
    return 'DEALLOCATE';
  });
}
