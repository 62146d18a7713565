import type {
  AlterRoleSetStmt,
  AlterRoleStmt,
  AlterSystemStmt,
  ClosePortalStmt,
  CopyStmt,
  CreateRoleStmt,
  CreateSchemaStmt,
  CreateSeqStmt,
  CreateStmt,
  DeallocateStmt,
  DeclareCursorStmt,
  DeleteStmt,
  DiscardStmt,
  DropRoleStmt,
  DropStmt,
  ExecuteStmt,
  FetchStmt,
  GrantStmt,
  InsertStmt,
  ListenStmt,
  LockStmt,
  NotifyStmt,
  PrepareStmt,
  SelectStmt,
  TransactionStmt,
  TruncateStmt,
  UnlistenStmt,
  UpdateStmt,
  VacuumStmt,
  VariableSetStmt,
  VariableShowStmt,
} from 'libpg-query';

import { indeterminateType, unsupported } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Task } from '../wait.ts';
import { planAlterSystem, planCheckpoint, planCreateSchema } from './admin-statements.ts';
import { planCopy } from './copy.ts';
import { planClose, planDeclare, planFetch } from './cursor-statements.ts';
import { planCreateSequence, planCreateTable, planDrop, planTruncate } from './ddl.ts';
import { newAnalysis } from './expression.ts';
import { planInsert } from './insert.ts';
import { bodyOf, type Statement } from './parser.ts';
import type { Plan, Planned } from './plan.ts';
import { planDeallocate, planExecute, planPrepare } from './prepare-statements.ts';
import { planAlterRole, planAlterRoleSet, planCreateRole, planDropRole, planGrant } from './role-statements.ts';
import { planSelect } from './select.ts';
import { planSet, planShow } from './setting-statements.ts';
import { planTransaction } from './transaction-statements.ts';
import { planDelete, planUpdate } from './update-delete.ts';
import { planDiscard, planListen, planLock, planNotify, planUnlisten, planVacuum } from './utility-statements.ts';

/**
 * Analyses a statement. `given` are the parameters' types as far as the client said; `fixed` if there are no others. Throws 42P18 when a
 * parameter's type stays open. Whole because it is the table of all statements.
 */
export function* planStatement(
  session: Session,
  statement: Statement,
  given: readonly number[] = [],
  fixed = false,
): Task<Planned> {
  const paramTypes = [...given];
  const plan = yield* planKind(session, statement, paramTypes, fixed);
  const open = paramTypes.indexOf(0);
  if (open >= 0) throw indeterminateType(open + 1);
  return { plan, paramTypes };
}

function* planKind(session: Session, statement: Statement, paramTypes: number[], fixed: boolean): Task<Plan> {
  const { kind, node, source } = statement;
  const analysis = newAnalysis(session, source, paramTypes, fixed);
  switch (kind) {
    case 'SelectStmt':
      return yield* planSelect(analysis, bodyOf<SelectStmt>(node));
    case 'InsertStmt':
      return yield* planInsert(analysis, bodyOf<InsertStmt>(node));
    case 'UpdateStmt':
      return yield* planUpdate(analysis, bodyOf<UpdateStmt>(node));
    case 'DeleteStmt':
      return yield* planDelete(analysis, bodyOf<DeleteStmt>(node));
    case 'TransactionStmt':
      return planTransaction(session, bodyOf<TransactionStmt>(node));
    case 'VariableSetStmt':
      return planSet(session, bodyOf<VariableSetStmt>(node));
    case 'VariableShowStmt':
      return planShow(session, bodyOf<VariableShowStmt>(node).name ?? '');
    case 'CreateStmt':
      return planCreateTable(session, source, bodyOf<CreateStmt>(node));
    case 'CreateSeqStmt':
      return planCreateSequence(session, source, bodyOf<CreateSeqStmt>(node));
    case 'DropStmt':
      return planDrop(session, bodyOf<DropStmt>(node));
    case 'TruncateStmt':
      return planTruncate(session, source, bodyOf<TruncateStmt>(node));
    case 'CopyStmt':
      return planCopy(session, source, bodyOf<CopyStmt>(node));
    case 'DeclareCursorStmt':
      return planDeclare(session, source, bodyOf<DeclareCursorStmt>(node));
    case 'FetchStmt':
      return planFetch(session, bodyOf<FetchStmt>(node));
    case 'ClosePortalStmt':
      return planClose(session, bodyOf<ClosePortalStmt>(node).portalname);
    case 'PrepareStmt':
      return planPrepare(session, statement, bodyOf<PrepareStmt>(node), planStatement);
    case 'ExecuteStmt':
      return planExecute(session, source, bodyOf<ExecuteStmt>(node));
    case 'DeallocateStmt':
      return planDeallocate(session, bodyOf<DeallocateStmt>(node));
    case 'ListenStmt':
      return planListen(session, bodyOf<ListenStmt>(node));
    case 'UnlistenStmt':
      return planUnlisten(session, bodyOf<UnlistenStmt>(node));
    case 'NotifyStmt':
      return planNotify(session, bodyOf<NotifyStmt>(node));
    case 'DiscardStmt':
      return planDiscard(session, bodyOf<DiscardStmt>(node));
    case 'VacuumStmt':
      return planVacuum(session, source, bodyOf<VacuumStmt>(node));
    case 'LockStmt':
      return planLock(session, source, bodyOf<LockStmt>(node));
    case 'AlterSystemStmt':
      return planAlterSystem(session, bodyOf<AlterSystemStmt>(node));
    case 'CreateRoleStmt':
      return planCreateRole(session, bodyOf<CreateRoleStmt>(node));
    case 'AlterRoleStmt':
      return planAlterRole(session, bodyOf<AlterRoleStmt>(node));
    case 'AlterRoleSetStmt':
      return planAlterRoleSet(session, bodyOf<AlterRoleSetStmt>(node));
    case 'DropRoleStmt':
      return planDropRole(session, bodyOf<DropRoleStmt>(node));
    case 'GrantStmt':
      return planGrant(session, bodyOf<GrantStmt>(node));
    case 'CheckPointStmt':
      return planCheckpoint(session);
    case 'CreateSchemaStmt':
      return planCreateSchema(session, bodyOf<CreateSchemaStmt>(node));
    default:
      throw unsupported(`the statement ${kind}`);
  }
}
