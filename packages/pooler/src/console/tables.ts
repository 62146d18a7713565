import { tableOf, type Table } from '@multigres/relay';
import type {
  ConfigRow,
  DatabaseRow,
  MemoryRow,
  PoolerViews,
  PoolRow,
  ServerRow,
  SessionRow,
  StatsRow,
  UserRow,
} from './views.ts';

/** Views by the names under which gateways ask for them. */
export const poolerTables: ReadonlyMap<string, (views: PoolerViews) => Table> = new Map([
  ['pools', (views: PoolerViews) => pools(views.pools())],
  ['servers', (views: PoolerViews) => servers(views.servers())],
  ['stats', (views: PoolerViews) => stats(views.stats())],
  ['sessions', (views: PoolerViews) => sessions(views.sessions())],
  ['databases', (views: PoolerViews) => databases(views.databases())],
  ['users', (views: PoolerViews) => users(views.users())],
  ['config', (views: PoolerViews) => config(views.config())],
  ['mem', (views: PoolerViews) => memory(views.memory())],
]);

/** PgBouncer's columns (its documentation, "SHOW POOLS"), then ours. A shared backend is an active one. */
function pools(rows: Iterable<PoolRow>): Table {
  return tableOf<PoolRow>(
    [
      ['database', 'text', (row) => row.database],
      ['user', 'text', (row) => row.user],
      ['cl_active', 'int4', (row) => row.sessions - row.waiting],
      ['cl_waiting', 'int4', (row) => row.waiting],
      ['cl_active_cancel_req', 'int4', (row) => row.cancelling],
      ['cl_waiting_cancel_req', 'int4', () => 0],
      ['sv_active', 'int4', (row) => row.leased + row.shared],
      ['sv_active_cancel', 'int4', (row) => row.cancelling],
      ['sv_being_canceled', 'int4', (row) => row.cancelling],
      ['sv_idle', 'int4', (row) => row.idle],
      ['sv_used', 'int4', () => 0],
      ['sv_tested', 'int4', (row) => row.resetting],
      ['sv_login', 'int4', (row) => row.starting],
      ['maxwait', 'int4', (row) => row.longestWaitMs / 1000],
      ['maxwait_us', 'int4', (row) => (row.longestWaitMs % 1000) * 1000],
      ['pool_mode', 'text', () => 'transaction'],
      ['sv_shared', 'int4', (row) => row.shared],
      ['sv_pinned', 'int4', (row) => row.pinned],
      ['paused', 'int4', (row) => row.paused],
    ],
    rows,
  );
}

const serverStates: Readonly<Record<ServerRow['state'], string>> = {
  idle: 'idle',
  shared: 'active',
  leased: 'active',
  resetting: 'tested',
  cancelling: 'being_canceled',
  starting: 'new',
};

/** PgBouncer's "SHOW SERVERS"; addresses of memory are none of ours and empty. */
function servers(rows: Iterable<ServerRow>): Table {
  return tableOf<ServerRow>(
    [
      ['type', 'text', () => 'S'],
      ['user', 'text', (row) => row.user],
      ['database', 'text', (row) => row.database],
      ['state', 'text', (row) => serverStates[row.state]],
      ['connect_ms', 'float8', (row) => row.connectedMs],
      ['request_ms', 'float8', (row) => row.requestMs],
      ['close_needed', 'int4', (row) => row.retired],
      ['remote_pid', 'int4', (row) => row.processId],
      ['prepared_statements', 'int4', (row) => row.preparedStatements],
      ['id', 'int4', (row) => row.id],
      ['shared', 'int4', (row) => row.state === 'shared'],
      ['owed', 'int4', (row) => row.owed],
      ['link_gateway', 'text', (row) => row.gateway],
      ['link_channel', 'int8', (row) => row.channel],
    ],
    rows,
  );
}

/** PgBouncer's "SHOW STATS": sums and averages, in microseconds. */
function stats(rows: Iterable<StatsRow>): Table {
  return tableOf<StatsRow>(
    [
      ['database', 'text', (row) => row.database],
      ['total_server_assignment_count', 'int8', (row) => row.assignments],
      ['total_xact_count', 'int8', (row) => row.transactions],
      ['total_query_count', 'int8', (row) => row.queries],
      ['total_received', 'int8', (row) => row.receivedBytes],
      ['total_sent', 'int8', (row) => row.sentBytes],
      ['total_xact_time', 'int8', (row) => row.transactionMs * 1000],
      ['total_query_time', 'int8', (row) => row.queryMs * 1000],
      ['total_wait_time', 'int8', (row) => row.waitMs * 1000],
      ['total_server_parse_count', 'int8', (row) => row.parses],
      ['avg_server_assignment_count', 'int8', ({ averages }) => averages.waits],
      ['avg_xact_count', 'int8', ({ averages }) => averages.transactions],
      ['avg_query_count', 'int8', ({ averages }) => averages.groups],
      ['avg_recv', 'int8', ({ averages }) => averages.bytesReceived],
      ['avg_sent', 'int8', ({ averages }) => averages.bytesSent],
      ['avg_xact_time', 'int8', ({ averages }) => averages.groupMs * 1000],
      ['avg_query_time', 'int8', ({ averages }) => averages.groupMs * 1000],
      ['avg_wait_time', 'int8', ({ averages }) => averages.waitMs * 1000],
    ],
    rows,
  );
}

function sessions(rows: Iterable<SessionRow>): Table {
  return tableOf<SessionRow>(
    [
      ['gateway', 'text', (row) => row.gateway],
      ['channel', 'int8', (row) => row.channel],
      ['user', 'text', (row) => row.user],
      ['database', 'text', (row) => row.database],
      ['state', 'text', (row) => row.state],
      ['wait_ms', 'float8', (row) => row.waitMs],
      ['remote_pid', 'int4', (row) => row.processId],
      ['pins', 'int8', (row) => row.pins],
      ['pinned_since_ms', 'float8', (row) => row.pinnedSinceMs],
    ],
    rows,
  );
}

/** PgBouncer's "SHOW DATABASES"; 0 is its word for no limit. */
function databases(rows: Iterable<DatabaseRow>): Table {
  return tableOf<DatabaseRow>(
    [
      ['name', 'text', (row) => row.name],
      ['host', 'text', (row) => row.host],
      ['port', 'int4', (row) => row.port],
      ['database', 'text', (row) => row.name],
      ['force_user', 'text', () => null],
      ['pool_size', 'int4', (row) => row.poolBackendsMax],
      ['min_pool_size', 'int4', () => 0],
      ['reserve_pool_size', 'int4', () => 0],
      ['server_lifetime', 'int4', () => 0],
      ['pool_mode', 'text', () => null],
      ['load_balance_hosts', 'text', () => null],
      ['max_connections', 'int4', (row) => row.backendsMax ?? 0],
      ['current_connections', 'int4', (row) => row.backends],
      ['max_client_connections', 'int4', (row) => row.sessionsMax ?? 0],
      ['current_client_connections', 'int4', (row) => row.sessions],
      ['paused', 'int4', (row) => row.paused],
      ['disabled', 'int4', () => 0],
    ],
    rows,
  );
}

function users(rows: Iterable<UserRow>): Table {
  return tableOf<UserRow>(
    [
      ['name', 'text', (row) => row.name],
      ['pool_size', 'int4', () => null],
      ['reserve_pool_size', 'int4', () => null],
      ['pool_mode', 'text', () => null],
      ['max_user_connections', 'int4', (row) => row.backendsMax ?? 0],
      ['current_connections', 'int4', (row) => row.backends],
      ['max_user_client_connections', 'int4', (row) => row.sessionsMax ?? 0],
      ['current_client_connections', 'int4', (row) => row.sessions],
    ],
    rows,
  );
}

function config(rows: Iterable<ConfigRow>): Table {
  return tableOf<ConfigRow>(
    [
      ['key', 'text', (row) => row.key],
      ['value', 'text', (row) => row.value],
      ['default', 'text', (row) => row.default],
      ['changeable', 'text', (row) => (row.changeable ? 'yes' : 'no')],
    ],
    rows,
  );
}

function memory(rows: Iterable<MemoryRow>): Table {
  return tableOf<MemoryRow>(
    [
      ['name', 'text', (row) => row.name],
      ['count', 'int8', (row) => row.count],
      ['bytes', 'int8', (row) => row.bytes],
    ],
    rows,
  );
}
