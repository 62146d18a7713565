import { hex } from '@multigres/core';
import type { RuleNumber } from '@multigres/rpc';

/**
 * Every statement that a member sends to its Postgres, in one place: one table each, no locks but those of the rows that are written
 * (health checks must not lock), no functions but those below. The simulated Postgres has to know exactly these.
 */
export const memberSql = {
  isInRecovery: 'SELECT pg_catalog.pg_is_in_recovery()',
  /** Where a primary's log ends: on its disk, and in its memory. */
  primaryEnd: 'SELECT pg_catalog.pg_current_wal_flush_lsn(), pg_catalog.pg_current_wal_insert_lsn()',
  /** Whether it replays, and how far; on a primary, how far it did. */
  recovery: `SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()`,
  /** Where a standby's log ends: as received, and as replayed. Null before the first of it. */
  standbyEnd: 'SELECT pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()',
  /** Whom it is connected to: `conninfo` shows what it was told last, which is another thing. */
  walReceiver: 'SELECT status, received_tli, sender_host, sender_port FROM pg_catalog.pg_stat_wal_receiver',
  /** Who replays and who receives, and what they wait for. */
  replayers:
    "SELECT backend_type, wait_event FROM pg_catalog.pg_stat_activity WHERE backend_type = 'startup' OR backend_type = 'walreceiver'",
  /** Everybody's sessions but the member's own. */
  sessions:
    "SELECT pid FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'multigres member'",
  checkpointTimeline: 'SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()',
  recoveryTimeline: 'SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()',
  followers: 'SELECT pid, application_name, state, flush_lsn, replay_lsn FROM pg_catalog.pg_stat_replication',
  /** Sessions whose commits wait for their quorum. */
  waitingCommits: "SELECT pid FROM pg_catalog.pg_stat_activity WHERE wait_event = 'SyncRep'",
  /** Ends who reads on a standby, but for who asks this. */
  endReaders:
    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_catalog.pg_backend_pid()",
  reload: 'SELECT pg_catalog.pg_reload_conf()',
  checkpoint: 'CHECKPOINT',
  /** The small commit that must reach the quorum. */
  beat: 'UPDATE multigres.heartbeat SET beat = beat + 1',
  newestRules:
    'SELECT term, coordinator, nonce, subterm, decided FROM multigres.rule ORDER BY term DESC, subterm DESC LIMIT 8',
  rules: 'SELECT term, coordinator, nonce, subterm, decided, record, outgoing FROM multigres.rule',
  makeSchema: 'CREATE SCHEMA IF NOT EXISTS multigres',
  makeRules: `CREATE TABLE IF NOT EXISTS multigres.rule (term bigint, coordinator text, nonce text, subterm bigint,
    record bytea NOT NULL, outgoing bytea NOT NULL, decided boolean NOT NULL DEFAULT false, PRIMARY KEY (term, coordinator, nonce, subterm))`,
  makeHeartbeat: 'CREATE TABLE IF NOT EXISTS multigres.heartbeat (id integer PRIMARY KEY, beat bigint NOT NULL)',
  heartbeats: 'SELECT id FROM multigres.heartbeat',
  firstBeat: 'INSERT INTO multigres.heartbeat (id, beat) VALUES (1, 0)',
} as const;

/** Functions that pg_rewind calls as the replication user (PostgreSQL documentation, "pg_rewind", notes). */
export const rewindFunctions: readonly string[] = [
  'pg_catalog.pg_ls_dir(text, boolean, boolean)',
  'pg_catalog.pg_stat_file(text, boolean)',
  'pg_catalog.pg_read_binary_file(text)',
  'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)',
];

export function settingsSql(names: readonly string[]): string {
  return `SELECT ${names.map((name) => `pg_catalog.current_setting(${literal(name)})`).join(', ')}`;
}

/** Undefined takes the setting out of what ALTER SYSTEM has written. */
export function alterSystemSql(name: string, value: string | undefined): string {
  return value === undefined ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = ${literal(value)}`;
}

export function terminateSql(pid: number): string {
  return `SELECT pg_catalog.pg_terminate_backend(${pid})`;
}

export function insertRuleSql(number: RuleNumber, record: Uint8Array, outgoing: Uint8Array): string {
  const key = ruleKey(number).map(({ value }) => value);
  const bytes = [record, outgoing].map(byteaLiteral);
  const columns = 'term, coordinator, nonce, subterm, record, outgoing';
  return `INSERT INTO multigres.rule (${columns}) VALUES (${[...key, ...bytes].join(', ')})`;
}

export function decideRuleSql(number: RuleNumber): string {
  const where = ruleKey(number).map(({ column, value }) => `${column} = ${value}`);
  return `UPDATE multigres.rule SET decided = true WHERE ${where.join(' AND ')}`;
}

export function findRoleSql(name: string): string {
  return `SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ${literal(name)}`;
}

export function makeReplicationRoleSql(name: string, password: string): string {
  return `CREATE ROLE ${identifier(name)} LOGIN REPLICATION PASSWORD ${literal(password)}`;
}

export function grantSql(routine: string, role: string): string {
  return `GRANT EXECUTE ON FUNCTION ${routine} TO ${identifier(role)}`;
}

function literal(text: string): string {
  // Backslashes mean nothing with standard_conforming_strings, which is on by default and which we never change.
  return `'${text.replaceAll("'", "''")}'`;
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function byteaLiteral(bytes: Uint8Array): string {
  return `'\\x${hex(bytes)}'`;
}

function ruleKey({ ballot, subterm }: RuleNumber): readonly { readonly column: string; readonly value: string }[] {
  const { term = 0n, coordinator, nonce = '' } = ballot ?? {};
  return [
    { column: 'term', value: String(term) },
    { column: 'coordinator', value: literal(`${coordinator?.cell ?? ''}/${coordinator?.name ?? ''}`) },
    { column: 'nonce', value: literal(nonce) },
    { column: 'subterm', value: String(subterm) },
  ];
}
