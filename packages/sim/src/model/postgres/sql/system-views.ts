import { parseConninfo } from '../replication/conninfo.ts';
import { syncStateOf } from '../replication/sync-waits.ts';
import type { Session } from '../session/session.ts';
import type { Row, Value } from '../storage/value.ts';
import { createSlot, lsnOrNull } from './server-functions.ts';
import { oid } from './types.ts';

/** A view of the system, or a function that is called like a table. Of its columns only those that somebody asks for. */
export interface SystemView {
  readonly columns: readonly (readonly [name: string, type: number])[];
  rows(session: Session, args: readonly Value[]): Row[];
}

const waitTypes: Readonly<Record<string, string>> = {
  SyncRep: 'IPC',
  Promote: 'IPC',
  ClientRead: 'Client',
  CopyRead: 'Client',
  ClientWrite: 'Client',
  WALSync: 'IO',
  PgSleep: 'Timeout',
  RecoveryRetrieveRetryInterval: 'Timeout',
  RecoveryWalStream: 'Activity',
  WalReceiverMain: 'Activity',
  WalSenderMain: 'Activity',
  CheckpointerMain: 'Activity',
};

const activity: SystemView = {
  columns: [
    ['datname', oid.name],
    ['pid', oid.int4],
    ['usename', oid.name],
    ['application_name', oid.text],
    ['backend_start', oid.timestamptz],
    ['wait_event_type', oid.text],
    ['wait_event', oid.text],
    ['state', oid.text],
    ['query', oid.text],
    ['backend_type', oid.text],
  ],
  rows: ({ host }) =>
    host.activity().map((one) => {
      const [type, event] = waitOf(one.waitEvent);
      return [
        one.database ?? null,
        one.pid,
        one.user ?? null,
        one.applicationName ?? '',
        one.startedMicros,
        type,
        event,
        one.state ?? null,
        one.query ?? '',
        one.type,
      ];
    }),
};

/** Locks are named by what they lock. */
function waitOf(event: string | undefined): readonly [Value, Value] {
  if (event === undefined) return [null, null];
  if (event.startsWith('Lock:')) return ['Lock', event.slice('Lock:'.length).trim().split(' ')[0] ?? null];
  return [waitTypes[event] ?? 'IPC', event];
}

const replication: SystemView = {
  columns: [
    ['pid', oid.int4],
    ['usename', oid.name],
    ['application_name', oid.text],
    ['backend_start', oid.timestamptz],
    ['state', oid.text],
    ['sent_lsn', oid.pgLsn],
    ['write_lsn', oid.pgLsn],
    ['flush_lsn', oid.pgLsn],
    ['replay_lsn', oid.pgLsn],
    ['sync_priority', oid.int4],
    ['sync_state', oid.text],
  ],
  rows: ({ host }) => {
    const { senders } = host.processes;
    return [...senders].map((sender) => [
      sender.pid,
      sender.identity.user,
      sender.identity.applicationName,
      sender.identity.startedMicros,
      sender.state,
      lsnOrNull(sender.sent),
      lsnOrNull(sender.write),
      lsnOrNull(sender.flush),
      lsnOrNull(sender.apply),
      sender.flush === 0n ? 0 : sender.priority,
      sender.flush === 0n ? 'async' : syncStateOf(sender, senders, host.processes.names),
    ]);
  },
};

const walReceiver: SystemView = {
  columns: [
    ['pid', oid.int4],
    ['status', oid.text],
    ['receive_start_lsn', oid.pgLsn],
    ['receive_start_tli', oid.int4],
    ['written_lsn', oid.pgLsn],
    ['flushed_lsn', oid.pgLsn],
    ['received_tli', oid.int4],
    ['latest_end_lsn', oid.pgLsn],
    ['slot_name', oid.text],
    ['sender_host', oid.text],
    ['sender_port', oid.int4],
    ['conninfo', oid.text],
  ],
  rows: ({ host }) => {
    const { receiver, reception } = host.processes.startup;
    if (receiver === undefined || !receiver.isReady) return [];
    return [
      [
        receiver.pid,
        receiver.status,
        lsnOrNull(reception.receiveStart),
        receiver.order.timeline,
        lsnOrNull(receiver.written),
        lsnOrNull(reception.flushedUpTo),
        reception.timeline,
        lsnOrNull(receiver.latestEnd),
        receiver.order.slot ?? null,
        receiver.conninfo.get('host') ?? null,
        Number(receiver.conninfo.get('port') ?? '5432'),
        [...parseConninfo(reception.conninfo)]
          .map(([name, value]) => `${name}=${name === 'password' ? '********' : value}`)
          .join(' '),
      ],
    ];
  },
};

const slots: SystemView = {
  columns: [
    ['slot_name', oid.name],
    ['slot_type', oid.text],
    ['temporary', oid.bool],
    ['active', oid.bool],
    ['active_pid', oid.int4],
    ['restart_lsn', oid.pgLsn],
    ['wal_status', oid.text],
  ],
  rows: ({ host }) =>
    [...host.processes.directory.slots.values()].map(({ name, activePid, restartLsn }) => [
      name,
      'physical',
      false,
      activePid !== undefined,
      activePid ?? null,
      lsnOrNull(restartLsn),
      restartLsn === undefined ? null : 'reserved',
    ]),
};

const preparedXacts: SystemView = {
  columns: [
    ['gid', oid.text],
    ['prepared', oid.timestamptz],
    ['owner', oid.name],
    ['database', oid.name],
  ],
  // Until recovery has ended they are known to nobody but the startup process.
  rows: ({ host }) =>
    [...(host.inRecovery ? [] : host.store.prepared.values())].map(({ gid, preparedMicros, owner, database }) => [
      gid,
      preparedMicros,
      owner,
      database,
    ]),
};

const roles: SystemView = {
  columns: [
    ['rolname', oid.name],
    ['rolsuper', oid.bool],
    ['rolcanlogin', oid.bool],
    ['rolreplication', oid.bool],
  ],
  rows: ({ host }) =>
    host.roles
      .all()
      .map(({ name, superuser, login, replication: replicates }) => [
        name,
        superuser === true,
        login !== false,
        replicates === true || superuser === true,
      ]),
};

const controlCheckpoint: SystemView = {
  columns: [
    ['checkpoint_lsn', oid.pgLsn],
    ['redo_lsn', oid.pgLsn],
    ['timeline_id', oid.int4],
    ['prev_timeline_id', oid.int4],
  ],
  rows: ({ host }) => {
    const { lsn, timeline } = host.processes.directory.control.checkpoint;
    return [[lsn, lsn, timeline, timeline]];
  },
};

const controlRecovery: SystemView = {
  columns: [
    ['min_recovery_end_lsn', oid.pgLsn],
    ['min_recovery_end_timeline', oid.int4],
  ],
  rows: ({ host }) => {
    const { minRecovery, minRecoveryTimeline } = host.processes.directory.control;
    return [[minRecovery, minRecoveryTimeline]];
  },
};

const controlSystem: SystemView = {
  columns: [
    ['pg_control_version', oid.int4],
    ['system_identifier', oid.int8],
  ],
  rows: ({ host }) => [[1300, host.processes.directory.systemIdentifier]],
};

const createPhysicalSlot: SystemView = {
  columns: [
    ['slot_name', oid.name],
    ['lsn', oid.pgLsn],
  ],
  rows: (session, [name, reserves]) => [createSlot(session, name as string, reserves === true)],
};

const views: ReadonlyMap<string, SystemView> = new Map([
  ['pg_stat_activity', activity],
  ['pg_stat_replication', replication],
  ['pg_stat_wal_receiver', walReceiver],
  ['pg_replication_slots', slots],
  ['pg_prepared_xacts', preparedXacts],
  ['pg_roles', roles],
]);

const tableFunctions: ReadonlyMap<string, SystemView> = new Map([
  ['pg_control_checkpoint', controlCheckpoint],
  ['pg_control_recovery', controlRecovery],
  ['pg_control_system', controlSystem],
  ['pg_create_physical_replication_slot', createPhysicalSlot],
]);

/** A view of pg_catalog; undefined if the model has none of that name. */
export function systemView(name: string): SystemView | undefined {
  return views.get(name);
}

/** A function that answers a table. */
export function tableFunction(name: string): SystemView | undefined {
  return tableFunctions.get(name);
}

/** One process, as pg_stat_activity shows it. */
export interface ActivityEntry {
  readonly pid: number;
  readonly type: string;
  readonly startedMicros: bigint;
  readonly database?: string;
  readonly user?: string;
  readonly applicationName?: string;
  readonly waitEvent: string | undefined;
  readonly state?: string;
  readonly query?: string;
}
