/** When a parameter may be changed (PostgreSQL documentation, view pg_settings, column context). */
export type SettingContext = 'internal' | 'postmaster' | 'sighup' | 'backend' | 'superuser' | 'user';

export interface SettingDefinition {
  /** As SHOW ALL and ParameterStatus spell it. */
  readonly name: string;
  readonly context: SettingContext;
  readonly kind: 'bool' | 'integer' | 'real' | 'enum' | 'string';
  /** In the base unit, canonical. */
  readonly boot: string;
  readonly unit?: 'ms' | 's' | 'min' | 'kB' | '8kB' | 'MB';
  readonly least?: number;
  readonly greatest?: number;
  readonly values?: readonly string[];
  /** Sent to the client in ParameterStatus (GUC_REPORT). */
  readonly report?: true;
  /** RESET ALL leaves it alone (GUC_NO_RESET_ALL). */
  readonly keptByResetAll?: true;
  /** A list of names, each quoted if need be (GUC_LIST_QUOTE). */
  readonly list?: true;
}

type Extra = Omit<Partial<SettingDefinition>, 'name' | 'kind' | 'boot'>;

const intMax = 2_147_483_647;

const bool = (name: string, boot: 'on' | 'off', extra: Extra = {}): SettingDefinition => ({
  name,
  kind: 'bool',
  boot,
  context: 'user',
  ...extra,
});
const text = (name: string, boot: string, extra: Extra = {}): SettingDefinition => ({
  name,
  kind: 'string',
  boot,
  context: 'user',
  ...extra,
});
const choice = (name: string, boot: string, values: readonly string[], extra: Extra = {}): SettingDefinition => ({
  name,
  kind: 'enum',
  boot,
  values,
  context: 'user',
  ...extra,
});
const integer = (name: string, boot: number, extra: Extra = {}): SettingDefinition => ({
  name,
  kind: 'integer',
  boot: String(boot),
  context: 'user',
  least: 0,
  greatest: intMax,
  ...extra,
});
const real = (name: string, boot: string, extra: Extra = {}): SettingDefinition => ({
  name,
  kind: 'real',
  boot,
  context: 'user',
  ...extra,
});

const messageLevels = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice', 'warning', 'error'];
const isolationLevels = ['serializable', 'repeatable read', 'read committed', 'read uncommitted'];

/** The parameters that the model knows, with Postgres's defaults. Whole because it is a table. */
const definitions: readonly SettingDefinition[] = [
  text('application_name', '', { report: true }),
  text('client_encoding', 'UTF8', { report: true }),
  text('DateStyle', 'ISO, MDY', { report: true }),
  bool('default_transaction_read_only', 'off', { report: true }),
  bool('in_hot_standby', 'off', { context: 'internal', report: true }),
  bool('integer_datetimes', 'on', { context: 'internal', report: true }),
  choice('IntervalStyle', 'postgres', ['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'], { report: true }),
  bool('is_superuser', 'off', { context: 'internal', report: true }),
  text('server_encoding', 'UTF8', { context: 'internal', report: true }),
  text('server_version', '17.2', { context: 'internal', report: true }),
  text('session_authorization', '', { report: true, keptByResetAll: true }),
  bool('standard_conforming_strings', 'on', { report: true }),
  text('TimeZone', 'UTC', { report: true }),
  text('role', 'none', { keptByResetAll: true }),
  text('search_path', '"$user", public', { list: true }),
  integer('statement_timeout', 0, { unit: 'ms' }),
  integer('lock_timeout', 0, { unit: 'ms' }),
  integer('idle_in_transaction_session_timeout', 0, { unit: 'ms' }),
  integer('idle_session_timeout', 0, { unit: 'ms' }),
  integer('deadlock_timeout', 1000, { unit: 'ms', context: 'superuser', least: 1 }),
  integer('work_mem', 4096, { unit: 'kB', least: 64 }),
  integer('maintenance_work_mem', 65_536, { unit: 'kB', least: 1024 }),
  integer('temp_buffers', 1024, { unit: '8kB', least: 100 }),
  integer('effective_cache_size', 524_288, { unit: '8kB', least: 1 }),
  choice('default_transaction_isolation', 'read committed', isolationLevels),
  bool('default_transaction_deferrable', 'off'),
  choice('transaction_isolation', 'read committed', isolationLevels, { keptByResetAll: true }),
  bool('transaction_read_only', 'off', { keptByResetAll: true }),
  bool('transaction_deferrable', 'off', { keptByResetAll: true }),
  choice('synchronous_commit', 'on', ['local', 'remote_write', 'remote_apply', 'on', 'off']),
  choice('client_min_messages', 'notice', messageLevels),
  choice('log_min_messages', 'warning', [...messageLevels, 'fatal', 'panic'], { context: 'superuser' }),
  choice('log_statement', 'none', ['none', 'ddl', 'mod', 'all'], { context: 'superuser' }),
  integer('log_min_duration_statement', -1, { unit: 'ms', least: -1, context: 'superuser' }),
  choice('bytea_output', 'hex', ['escape', 'hex']),
  choice('xmloption', 'content', ['content', 'document']),
  choice('session_replication_role', 'origin', ['origin', 'replica', 'local'], { context: 'superuser' }),
  choice('plan_cache_mode', 'auto', ['auto', 'force_generic_plan', 'force_custom_plan']),
  choice('backslash_quote', 'safe_encoding', ['safe_encoding', 'on', 'off']),
  choice('constraint_exclusion', 'partition', ['partition', 'on', 'off']),
  integer('extra_float_digits', 1, { least: -15, greatest: 3 }),
  integer('max_parallel_workers_per_gather', 2, { greatest: 1024 }),
  integer('from_collapse_limit', 8, { least: 1 }),
  integer('join_collapse_limit', 8, { least: 1 }),
  integer('geqo_threshold', 12, { least: 2 }),
  integer('default_statistics_target', 100, { least: 1, greatest: 10_000 }),
  integer('tcp_keepalives_idle', 0, { unit: 's' }),
  real('random_page_cost', '4'),
  real('seq_page_cost', '1'),
  real('cpu_tuple_cost', '0.01'),
  bool('array_nulls', 'on'),
  bool('check_function_bodies', 'on'),
  bool('escape_string_warning', 'on'),
  bool('row_security', 'on'),
  bool('transform_null_equals', 'off'),
  bool('quote_all_identifiers', 'off'),
  bool('geqo', 'on'),
  bool('jit', 'on'),
  bool('enable_seqscan', 'on'),
  bool('enable_indexscan', 'on'),
  bool('enable_bitmapscan', 'on'),
  bool('enable_hashjoin', 'on'),
  bool('enable_mergejoin', 'on'),
  bool('enable_nestloop', 'on'),
  bool('enable_sort', 'on'),
  text('default_tablespace', ''),
  text('temp_tablespaces', '', { list: true }),
  text('lc_messages', 'C', { context: 'superuser' }),
  text('lc_monetary', 'C'),
  text('lc_numeric', 'C'),
  text('lc_time', 'C'),
  text('default_text_search_config', 'pg_catalog.simple'),
  text('local_preload_libraries', '', { list: true }),
  integer('max_connections', 100, { context: 'postmaster', least: 1, greatest: 262_143 }),
  integer('superuser_reserved_connections', 3, { context: 'postmaster', greatest: 262_143 }),
  integer('max_prepared_transactions', 0, { context: 'postmaster', greatest: 262_143 }),
  integer('port', 5432, { context: 'postmaster', least: 1, greatest: 65_535 }),
  integer('shared_buffers', 16_384, { context: 'postmaster', unit: '8kB', least: 16 }),
  text('listen_addresses', 'localhost', { context: 'postmaster' }),
  choice('wal_level', 'replica', ['minimal', 'replica', 'logical'], { context: 'postmaster' }),
  bool('hot_standby', 'on', { context: 'postmaster' }),
  bool('fsync', 'on', { context: 'sighup' }),
  bool('full_page_writes', 'on', { context: 'sighup' }),
  integer('wal_writer_delay', 200, { context: 'sighup', unit: 'ms', least: 1, greatest: 10_000 }),
  text('synchronous_standby_names', '', { context: 'sighup' }),
  text('primary_conninfo', '', { context: 'sighup' }),
  text('primary_slot_name', '', { context: 'sighup' }),
  text('recovery_target_timeline', 'latest', { context: 'postmaster' }),
  text('restore_command', '', { context: 'sighup' }),
  text('cluster_name', '', { context: 'postmaster' }),
  text('unix_socket_directories', '/tmp', { context: 'postmaster' }),
  bool('restart_after_crash', 'on', { context: 'sighup' }),
  bool('hot_standby_feedback', 'off', { context: 'sighup' }),
  bool('wal_log_hints', 'off', { context: 'postmaster' }),
  integer('max_wal_senders', 10, { context: 'postmaster', greatest: 262_143 }),
  integer('max_replication_slots', 10, { context: 'postmaster', greatest: 262_143 }),
  integer('wal_keep_size', 0, { unit: 'MB', context: 'sighup' }),
  integer('wal_sender_timeout', 60_000, { unit: 'ms' }),
  integer('wal_receiver_timeout', 60_000, { unit: 'ms', context: 'sighup' }),
  integer('wal_receiver_status_interval', 10, { unit: 's', context: 'sighup', greatest: 2_147_483 }),
  integer('wal_retrieve_retry_interval', 5000, { unit: 'ms', context: 'sighup', least: 1 }),
  integer('max_standby_streaming_delay', 30_000, { unit: 'ms', context: 'sighup', least: -1 }),
  integer('max_standby_archive_delay', 30_000, { unit: 'ms', context: 'sighup', least: -1 }),
  integer('checkpoint_timeout', 300, { unit: 's', context: 'sighup', least: 30, greatest: 86_400 }),
  integer('max_slot_wal_keep_size', -1, { context: 'sighup', unit: 'MB', least: -1 }),
  bool('data_checksums', 'off', { context: 'internal' }),
  bool('ignore_system_indexes', 'off', { context: 'backend' }),
  integer('max_identifier_length', 63, { context: 'internal' }),
  integer('server_version_num', 170_002, { context: 'internal' }),
  integer('block_size', 8192, { context: 'internal' }),
];

const byName: ReadonlyMap<string, SettingDefinition> = new Map(
  definitions.map((definition) => [definition.name.toLowerCase(), definition]),
);

/** By name in any case; undefined if the model does not know it. */
export function settingDefinition(name: string): SettingDefinition | undefined {
  return byName.get(name.toLowerCase());
}

export function allSettings(): readonly SettingDefinition[] {
  return definitions;
}

/** Those that ParameterStatus reports, in the order in which a new session hears them (by name, without regard to case). */
export const reportedSettings: readonly SettingDefinition[] = definitions
  .filter((definition) => definition.report === true)
  .toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
