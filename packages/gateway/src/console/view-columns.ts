import type { Column, ColumnType } from '@multigres/relay';

export type ViewName =
  | 'clients'
  | 'servers'
  | 'pools'
  | 'stats'
  | 'stats_totals'
  | 'stats_averages'
  | 'totals'
  | 'databases'
  | 'users'
  | 'config'
  | 'lists'
  | 'mem'
  | 'version'
  | 'state'
  | 'pins'
  | 'gateways'
  | 'poolers'
  | 'help';

function columns(text: string, type: ColumnType): Column[] {
  return text.split(' ').map((name) => ({ name, type }));
}

const text = (names: string): Column[] => columns(names, 'text');
const int4 = (names: string): Column[] => columns(names, 'int4');
const int8 = (names: string): Column[] => columns(names, 'int8');

const totals: readonly Column[] = int8(
  'total_server_assignment_count total_xact_count total_query_count total_received total_sent total_xact_time total_query_time ' +
    'total_wait_time total_client_parse_count total_server_parse_count total_bind_count',
);
const averages: readonly Column[] = int8(
  'avg_server_assignment_count avg_xact_count avg_query_count avg_recv avg_sent avg_xact_time avg_query_time avg_wait_time ' +
    'avg_client_parse_count avg_server_parse_count avg_bind_count',
);

/**
 * What each view shows: first the columns that PgBouncer's view of that name has (its documentation, "Admin console"), in its order, so that what
 * reads those reads these; then our own.
 */
export const viewColumns: Readonly<Record<ViewName, readonly Column[]>> = {
  clients: [
    ...text('type user database replication state addr'),
    ...int4('port'),
    ...text('local_addr'),
    ...int4('local_port'),
    ...text('connect_time request_time'),
    ...int4('wait wait_us close_needed'),
    ...text('ptr link'),
    ...int4('remote_pid'),
    ...text('tls application_name'),
    ...int4('prepared_statements id'),
    ...text('gateway pins'),
  ],
  servers: [
    ...text('type user database replication state addr'),
    ...int4('port'),
    ...text('local_addr'),
    ...int4('local_port'),
    ...text('connect_time request_time'),
    ...int4('wait wait_us close_needed'),
    ...text('ptr link'),
    ...int4('remote_pid'),
    ...text('tls application_name'),
    ...int4('prepared_statements id shared owed'),
  ],
  pools: [
    ...text('database user'),
    ...int4(
      'cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel sv_being_canceled sv_idle sv_used ' +
        'sv_tested sv_login maxwait maxwait_us',
    ),
    ...text('pool_mode load_balance_hosts'),
    ...int4('sv_shared sv_pinned paused'),
  ],
  stats: [...text('database'), ...totals, ...averages],
  stats_totals: [...text('database'), ...totals],
  stats_averages: [...text('database'), ...averages],
  totals: columns('name', 'text').concat(int8('value')),
  databases: [
    ...text('name host'),
    ...int4('port'),
    ...text('database force_user'),
    ...int4('pool_size min_pool_size reserve_pool_size server_lifetime'),
    ...text('pool_mode load_balance_hosts'),
    ...int4('max_connections current_connections max_client_connections current_client_connections paused disabled'),
  ],
  users: [
    ...text('name'),
    ...int4('pool_size reserve_pool_size'),
    ...text('pool_mode'),
    ...int4('max_user_connections current_connections max_user_client_connections current_client_connections'),
  ],
  config: text('key value default changeable'),
  lists: [...text('list'), ...int4('items')],
  mem: [...text('name'), ...int8('size used free memtotal'), ...text('component')],
  version: text('version'),
  state: text('key value'),
  pins: [
    ...int4('id'),
    ...text('gateway user database addr'),
    ...int4('port'),
    ...text('application_name reasons since'),
    ...int4('remote_pid'),
  ],
  gateways: [...text('name'), ...int4('sessions logins consoles pooler_up draining this'), ...text('listen')],
  poolers: [
    ...text('gateway name role rule'),
    ...int4('leader reads connected channels'),
    ...int8('lag_bytes silent_ms'),
    ...text('why_not_leader why_no_reads'),
  ],
  help: text('command meaning'),
};

/** Other names of views; workers of one port are gateways. */
const synonyms: Readonly<Record<string, ViewName>> = { workers: 'gateways' };

function isViewName(name: string): name is ViewName {
  return Object.hasOwn(viewColumns, name);
}

export function viewNamed(name: string): ViewName | undefined {
  return synonyms[name] ?? (isViewName(name) ? name : undefined);
}
