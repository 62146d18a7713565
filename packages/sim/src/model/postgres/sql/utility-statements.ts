import type { DiscardStmt, ListenStmt, LockStmt, NotifyStmt, RangeVar, UnlistenStmt, VacuumStmt } from 'libpg-query';

import { noActiveTransactionFor, unsupported } from '../errors.ts';
import type { Session } from '../session/session.ts';
import { couldNotObtainLockOnRelation } from '../errors.ts';
import { lockMode, type LockMode } from '../storage/lock-mode.ts';
import { bodyOf, type Source } from './parser.ts';
import { command, waitingCommand, type Plan } from './plan.ts';
import { checkAccess } from './row-check.ts';
import { findTable, relationKey } from './scan.ts';
import { refuseInRecovery } from './transaction-statements.ts';

/** LISTEN. */
export function planListen(session: Session, stmt: ListenStmt): Plan {
  return command(() => {
    refuseInRecovery(session, 'LISTEN');
    session.notifications.listen(stmt.conditionname ?? '');
    return 'LISTEN';
  });
}

/** UNLISTEN name, UNLISTEN *. */
export function planUnlisten(session: Session, stmt: UnlistenStmt): Plan {
  return command(() => {
    session.notifications.unlisten(stmt.conditionname);
    return 'UNLISTEN';
  });
}

/** NOTIFY. */
export function planNotify(session: Session, stmt: NotifyStmt): Plan {
  return command(() => {
    refuseInRecovery(session, 'NOTIFY');
    session.notifications.notify(stmt.conditionname ?? '', stmt.payload ?? '');
    return 'NOTIFY';
  });
}

/** DISCARD. */
export function planDiscard(session: Session, stmt: DiscardStmt): Plan {
  return command(() => {
    switch (stmt.target) {
      case 'DISCARD_ALL':
        session.beAlone('DISCARD ALL');
        discardAll(session);
        return 'DISCARD ALL';
      case 'DISCARD_TEMP':
        dropTemporary(session);
        return 'DISCARD TEMP';
      case 'DISCARD_SEQUENCES':
        session.sequences.forget();
        return 'DISCARD SEQUENCES';
      case 'DISCARD_PLANS':
        return 'DISCARD PLANS';
      default:
        throw unsupported(`${stmt.target}`);
    }
  });
}

/** In Postgres's order (DiscardAll in discard.c). */
function discardAll(session: Session): void {
  session.portals.clear();
  session.setSetting('session_authorization', undefined, false);
  session.settings.resetAll();
  session.statements.clear();
  session.notifications.unlisten(undefined);
  session.advisory.unlockAll();
  dropTemporary(session);
  session.sequences.forget();
}

function dropTemporary(session: Session): void {
  const transaction = session.mustTransaction();
  for (const relation of [...session.temporary.catalog.all(transaction.own)])
    transaction.drop(session.temporary, relation);
}

/** VACUUM of named tables, without options. */
export function planVacuum(session: Session, source: Source, stmt: VacuumStmt): Plan {
  if (stmt.is_vacuumcmd !== true || stmt.options !== undefined || stmt.rels === undefined)
    throw unsupported('this form of VACUUM');
  const ranges = stmt.rels.map((node) => bodyOf<{ relation?: RangeVar }>(node).relation as RangeVar);
  return waitingCommand(function* run() {
    refuseInRecovery(session, 'VACUUM');
    session.beAlone('VACUUM');
    const transaction = session.mustTransaction();
    for (const range of ranges) {
      const { relation } = findTable(session, range, source);
      checkAccess(session, relation);
      yield* transaction.lock(relationKey(session, relation), lockMode.shareUpdateExclusive);
      transaction.vacuum(relation);
      session.host.flushLater();
    }
    return 'VACUUM';
  });
}

/** LOCK TABLE. */
export function planLock(session: Session, source: Source, stmt: LockStmt): Plan {
  return waitingCommand(function* run() {
    if ((stmt.mode ?? 8) > lockMode.rowExclusive) refuseInRecovery(session, 'LOCK TABLE');
    if (!session.outlivesStatement) throw noActiveTransactionFor('LOCK TABLE');
    const transaction = session.mustTransaction();
    for (const node of stmt.relations ?? []) {
      const range = bodyOf<RangeVar>(node);
      const { relation } = findTable(session, range, source);
      checkAccess(session, relation);
      const key = relationKey(session, relation);
      const mode = (stmt.mode ?? 8) as LockMode;
      if (stmt.nowait === true) {
        if (!transaction.tryLock(key, mode)) throw couldNotObtainLockOnRelation(relation.shape.name);
      } else yield* transaction.lock(key, mode);
    }
    return 'LOCK TABLE';
  });
}
