import type { DiscardStmt, ListenStmt, LockStmt, NotifyStmt, RangeVar, UnlistenStmt } from 'libpg-query';

import { noActiveTransactionFor, unsupported } from '../errors.ts';
import type { Session } from '../session/session.ts';
import { couldNotObtainLockOnRelation } from '../errors.ts';
import type { LockMode } from '../storage/lock-mode.ts';
import { bodyOf, type Source } from './parser.ts';
import { command, waitingCommand, type Plan } from './plan.ts';
import { checkAccess } from './row-check.ts';
import { findTable, relationKey } from './scan.ts';

/** LISTEN. */
export function planListen(session: Session, stmt: ListenStmt): Plan {
  return command(() => {
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

/** LOCK TABLE. */
export function planLock(session: Session, source: Source, stmt: LockStmt): Plan {
  return waitingCommand(function* run() {
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
