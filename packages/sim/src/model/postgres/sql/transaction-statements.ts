import type { A_Const, DefElem, Node, TransactionStmt } from 'libpg-query';

import { cannotDuringRecovery, unsupported } from '../errors.ts';
import type { Session } from '../session/session.ts';
import { bodyOf } from './parser.ts';
import { command, waitingCommand, type Plan } from './plan.ts';

/** BEGIN, COMMIT, ROLLBACK and savepoints. */
export function planTransaction(session: Session, stmt: TransactionStmt): Plan {
  const name = stmt.savepoint_name ?? '';
  switch (stmt.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return command(() => {
        session.begin(() => setCharacteristics(session, stmt.options ?? []));
        return stmt.kind === 'TRANS_STMT_START' ? 'START TRANSACTION' : 'BEGIN';
      });
    case 'TRANS_STMT_COMMIT':
      return waitingCommand(() => session.commit(stmt.chain === true));
    case 'TRANS_STMT_ROLLBACK':
      return waitingCommand(function* run() {
        yield* session.rollback(stmt.chain === true);
        return 'ROLLBACK';
      });
    case 'TRANS_STMT_SAVEPOINT':
      return command(() => {
        session.savepoint(name);
        return 'SAVEPOINT';
      });
    case 'TRANS_STMT_RELEASE':
      return command(() => {
        session.releaseSavepoint(name);
        return 'RELEASE';
      });
    case 'TRANS_STMT_ROLLBACK_TO':
      return command(() => {
        session.rollbackToSavepoint(name);
        return 'ROLLBACK';
      });
    case 'TRANS_STMT_PREPARE':
      return waitingCommand(function* run() {
        refuseInRecovery(session, 'PREPARE TRANSACTION');
        return yield* session.prepareTransaction(stmt.gid ?? '');
      });
    case 'TRANS_STMT_COMMIT_PREPARED':
      return finishing(session, stmt.gid ?? '', true);
    case 'TRANS_STMT_ROLLBACK_PREPARED':
      return finishing(session, stmt.gid ?? '', false);
    default:
      throw unsupported(`${stmt.kind}`);
  }
}

function finishing(session: Session, gid: string, commits: boolean): Plan {
  const word = commits ? 'COMMIT PREPARED' : 'ROLLBACK PREPARED';
  return waitingCommand(function* run() {
    refuseInRecovery(session, word);
    session.beAlone(word);
    yield* session.finishPrepared(gid, commits);
    return word;
  });
}

/** 25006 on a standby, for what may be done in a read-only transaction elsewhere. */
export function refuseInRecovery(session: Session, what: string): void {
  if (session.host.inRecovery) throw cannotDuringRecovery(what);
}

/** ISOLATION LEVEL, READ ONLY and DEFERRABLE, for this transaction. */
export function setCharacteristics(session: Session, options: readonly Node[], prefix: '' | 'default_' = ''): void {
  for (const node of options) {
    const { defname, arg } = bodyOf<DefElem>(node);
    const value = arg === undefined ? undefined : bodyOf<A_Const>(arg);
    const text = value?.sval?.sval ?? ((value?.ival?.ival ?? 0) === 0 ? 'off' : 'on');
    session.setSetting(`${prefix}${defname ?? ''}`, text, prefix === '');
  }
}

const exits: ReadonlySet<string> = new Set([
  'TRANS_STMT_COMMIT',
  'TRANS_STMT_ROLLBACK',
  'TRANS_STMT_ROLLBACK_TO',
  'TRANS_STMT_PREPARE',
]);

/** May be run in a failed transaction: it ends it, or goes back to a savepoint. */
export function isTransactionExit(kind: string, node: Node): boolean {
  if (kind !== 'TransactionStmt') return false;
  const stmt = bodyOf<TransactionStmt>(node).kind ?? '';
  return exits.has(stmt);
}
