import type { DeallocateStmt, ExecuteStmt, Node, PrepareStmt, TypeName } from 'libpg-query';

import { cannotCoerceParameter, invalidPrepare, wrongParameterCount } from '../errors.ts';
import type { PreparedStatement } from '../session/prepared-statements.ts';
import type { Session } from '../session/session.ts';
import type { Value } from '../storage/value.ts';
import type { Task } from '../wait.ts';
import { currentPlan } from './prepared.ts';
import { analyzeExpression, resolveType } from './analyze-expression.ts';
import { coerce } from './coerce.ts';
import { newAnalysis, type Expr } from './expression.ts';
import { bodyOf, kindOf, type Source, type Statement } from './parser.ts';
import { command, waitingCommand, type Plan, type Planned, type Running } from './plan.ts';
import { newEnv } from './select.ts';
import { typeName } from './types.ts';

/** The analysis of any statement; handed in, because it leads here. */
type Analyze = (session: Session, statement: Statement, given: readonly number[], fixed?: boolean) => Task<Planned>;

/** PREPARE. */
export function planPrepare(session: Session, outer: Statement, stmt: PrepareStmt, analyze: Analyze): Plan {
  const name = stmt.name ?? '';
  return waitingCommand(function* run() {
    if (name === '') throw invalidPrepare('invalid statement name: must not be empty');
    if (stmt.query === undefined) throw invalidPrepare('utility statements cannot be prepared');
    const inner: Statement = { kind: kindOf(stmt.query), node: stmt.query, source: outer.source, text: outer.text };
    const analysis = newAnalysis(session, outer.source);
    const given = (stmt.argtypes ?? []).map((node) => resolveType(analysis, bodyOf<TypeName>(node)).type);
    const { plan, paramTypes } = yield* analyze(session, inner, given);
    session.statements.add({
      name,
      statement: inner,
      text: outer.text,
      paramTypes,
      plan,
      analyze: () => analyze(session, inner, paramTypes, true),
      epoch: session.catalogEpoch,
      columns: plan.columns,
      fromSql: true,
    });
    return 'PREPARE';
  });
}

/** EXECUTE. Everything about it is found out when it is executed, but for the columns of its result. */
export function planExecute(session: Session, source: Source, stmt: ExecuteStmt): Plan {
  return {
    columns: session.statements.get(stmt.name ?? '')?.columns,
    streaming: false,
    snapshot: false,
    *run(execution): Running {
      const prepared = session.statements.must(stmt.name ?? '');
      const exprs = argumentsOf(session, source, prepared, stmt.params ?? []);
      const env = newEnv(execution);
      const params: Value[] = exprs.map((expr) => expr.evaluate(env));
      const inner = yield* currentPlan(session, prepared);
      inner.fold?.({ session, params });
      if (inner.snapshot) session.takeSnapshot();
      return yield* inner.run({ session, params });
    },
  };
}

function argumentsOf(session: Session, source: Source, prepared: PreparedStatement, given: readonly Node[]): Expr[] {
  if (given.length !== prepared.paramTypes.length) {
    throw wrongParameterCount(prepared.name, prepared.paramTypes.length, given.length);
  }
  const analysis = newAnalysis(session, source);
  return given.map((node, i) => {
    const expr = analyzeExpression(analysis, node);
    const type = prepared.paramTypes[i] as number;
    const typed = coerce(analysis, expr, type, -1, 'assignment');
    if (typed === undefined)
      throw cannotCoerceParameter(i + 1, typeName(expr.type), typeName(type), source.position(expr.location));
    return typed;
  });
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
