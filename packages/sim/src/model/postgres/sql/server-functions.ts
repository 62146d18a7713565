import type { Lsn } from '@multigres/core';

import {
  cannotDuringRecovery,
  noSuchSlot,
  permissionDenied,
  recoveryInProgress,
  slotExists,
  slotIsActive,
} from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { Value } from '../storage/value.ts';
import type { Task } from '../wait.ts';
import { Decimal } from './decimal.ts';
import type { FunctionDefinition } from './functions.ts';
import { oid } from './types.ts';

const defaultPromoteSeconds = 60;

/** A position of the log that only a server that leads has. */
function leading(name: string, lsn: (session: Session) => Lsn): FunctionDefinition {
  return {
    name,
    arguments: [],
    returns: oid.pgLsn,
    volatile: true,
    evaluate: (session) => {
      if (session.host.processes.inRecovery) throw recoveryInProgress();
      return lsn(session);
    },
  };
}

/** A position of the log that only a server in recovery has; null before there is one. */
function following(name: string, lsn: (session: Session) => Lsn): FunctionDefinition {
  return {
    name,
    arguments: [],
    returns: oid.pgLsn,
    volatile: true,
    evaluate: (session) => {
      const value = lsn(session);
      return value === 0n ? null : value;
    },
  };
}

function* promote(session: Session, waits: boolean, seconds: number): Task<Value> {
  mustBeSuperuser(session, 'pg_promote');
  const { processes } = session.host;
  let done = false;
  let wake: (() => void) | undefined;
  processes.promote(() => {
    done = true;
    wake?.();
  });
  if (!waits) return true;
  const deadline = session.sleep(seconds * 1000);
  yield {
    event: 'Promote',
    start: (go) => {
      wake = go;
      deadline.start(go);
      if (done) go();
    },
    cancel: () => {
      wake = undefined;
      deadline.cancel();
    },
  };
  deadline.cancel();
  if (!done)
    session.notice({
      level: 'WARNING',
      sqlstate: '01000',
      message: `server did not promote within ${seconds} seconds`,
    });
  return done;
}

function mustBeSuperuser(session: Session, name: string): void {
  if (!session.isSuperuser(session.currentUser)) throw permissionDenied('function', name);
}

/** Functions about recovery, the log and the server itself (PostgreSQL documentation, "System Administration Functions"). */
export const serverFunctions: readonly FunctionDefinition[] = [
  {
    name: 'pg_is_in_recovery',
    arguments: [],
    returns: oid.bool,
    volatile: true,
    evaluate: (session) => session.host.processes.inRecovery,
  },
  leading('pg_current_wal_lsn', ({ host }) => host.processes.directory.log.insertLsn),
  leading('pg_current_wal_insert_lsn', ({ host }) => host.processes.directory.log.insertLsn),
  leading('pg_current_wal_flush_lsn', ({ host }) => host.processes.directory.log.flushedLsn),
  following('pg_last_wal_receive_lsn', ({ host }) => host.processes.startup.reception.flushedUpTo),
  following('pg_last_wal_replay_lsn', ({ host }) => host.processes.startup.replayedIfStandby),
  {
    name: 'pg_wal_lsn_diff',
    arguments: [oid.pgLsn, oid.pgLsn],
    returns: oid.numeric,
    evaluate: (_session, [a, b]) => new Decimal((a as bigint) - (b as bigint), 0),
  },
  {
    name: 'pg_walfile_name',
    arguments: [oid.pgLsn],
    returns: oid.text,
    evaluate: (session, [lsn]) => {
      const { processes } = session.host;
      if (processes.inRecovery) throw recoveryInProgress();
      const { log } = processes.directory;
      const segment = lsn === 0n ? 0n : ((lsn as bigint) - 1n) / log.segmentBytes;
      const perId = 0x100000000n / log.segmentBytes;
      return [BigInt(log.timeline), segment / perId, segment % perId]
        .map((part) => part.toString(16).toUpperCase().padStart(8, '0'))
        .join('');
    },
  },
  {
    name: 'pg_promote',
    arguments: [],
    returns: oid.bool,
    wait: (session) => promote(session, true, defaultPromoteSeconds),
  },
  {
    name: 'pg_promote',
    arguments: [oid.bool],
    returns: oid.bool,
    wait: (session, [waits]) => promote(session, waits === true, defaultPromoteSeconds),
  },
  {
    name: 'pg_promote',
    arguments: [oid.bool, oid.int4],
    returns: oid.bool,
    wait: (session, [waits, seconds]) => promote(session, waits === true, seconds as number),
  },
  {
    name: 'pg_reload_conf',
    arguments: [],
    returns: oid.bool,
    volatile: true,
    evaluate: (session) => {
      mustBeSuperuser(session, 'pg_reload_conf');
      session.host.processes.reload();
      return true;
    },
  },
  {
    name: 'pg_drop_replication_slot',
    arguments: [oid.name],
    returns: oid.void,
    volatile: true,
    evaluate: (session, [name]) => {
      const { slots } = session.host.processes.directory;
      const slot = slots.get(name as string);
      if (slot === undefined) throw noSuchSlot(name as string);
      if (slot.activePid !== undefined) throw slotIsActive(name as string, slot.activePid);
      slots.delete(name as string);
      return '';
    },
  },
  {
    name: 'txid_current',
    arguments: [],
    returns: oid.int8,
    evaluate: (session) => currentXid(session),
  },
  {
    name: 'pg_current_xact_id',
    arguments: [],
    returns: oid.xid8,
    evaluate: (session) => currentXid(session),
  },
];

function currentXid(session: Session): Value {
  if (session.host.processes.inRecovery) throw cannotDuringRecovery('pg_current_xact_id()');
  return BigInt(session.topXid());
}

/** pg_create_physical_replication_slot: answers its name and, if it was to reserve log at once, from where. */
export function createSlot(session: Session, name: string, reserves: boolean): Value[] {
  const { directory } = session.host.processes;
  if (directory.slots.has(name)) throw slotExists(name);
  const restartLsn = reserves ? session.host.processes.sendLimit : undefined;
  directory.slots.set(name, { name, restartLsn, activePid: undefined });
  return [name, restartLsn ?? null];
}

/** For views: null where there is no position. */
export function lsnOrNull(lsn: Lsn | undefined): Value {
  return lsn === undefined || lsn === 0n ? null : lsn;
}
