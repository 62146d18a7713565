import { quotedSetting as quoted } from './auto-conf.ts';
import type { Programs } from './binaries.ts';
import type { PgctldConfig } from './config.ts';
import type { Layout } from './layout.ts';

/**
 * The file that Postgres is started with. It stands outside of the data directory, so that a data directory that is cloned, rewound or
 * restored from elsewhere brings data and not another server's port.
 */
export function mainConf(layout: Layout): string {
  return [
    '# Written by pgctld at each start. Put settings of your own into conf.d/*.conf: they are read last.',
    '# Port, addresses and socket directory come from the command line of pgctld and cannot be set here.',
    `include_if_exists ${quoted(`${layout.data}/postgresql.conf`)}`,
    `include ${quoted(layout.ourConf)}`,
    `include_dir ${quoted(layout.confDirectory)}`,
    '',
  ].join('\n');
}

type Line = readonly [name: string, value: string, why?: string];

/**
 * What initdb writes into the control file. A standby with less refuses to start (PostgreSQL documentation, "Administrator's Overview" of hot
 * standby), and a new data directory of a member starts as one.
 */
const leastConnectionsOfMember = 100;

/** For one of several that keep a shard: how it recovers, follows and is followed. */
const memberLines: readonly Line[] = [
  ['restart_after_crash', 'off', 'a crashed leader must come back as a standby: pgctld starts it'],
  ['synchronous_commit', 'on', 'acknowledged means flushed on the quorum'],
  [
    'synchronous_standby_names',
    quoted('ANY 1 (mg_nobody)'),
    'until its member says who counts, no commit is acknowledged',
  ],
  ['recovery_target_timeline', quoted('latest')],
  ['wal_retrieve_retry_interval', '100ms', 'how long a follower takes to find a new leader'],
  ['wal_receiver_status_interval', '1s'],
  ['wal_receiver_timeout', '5s', 'a silent leader is let go, so that the receiver connects to the next'],
  ['wal_sender_timeout', '5s', 'a silent follower frees its place and its slot'],
  [
    'wal_keep_size',
    '512MB',
    'who was away for a moment catches up without a slot, and finds the checkpoint to rewind to',
  ],
  ['max_slot_wal_keep_size', '4GB', 'the slot of one who stays away must not fill the disk: it is cloned anew'],
];

/** File by file, as is the default, takes seconds on a disk that others use, too (PostgreSQL documentation, "recovery_init_sync_method"). */
const syncLine: Line = ['recovery_init_sync_method', 'syncfs', 'a crashed server is back several times sooner'];

/** Our settings (PostgreSQL documentation, chapter "Server Configuration"), each with its reason where it is not plain. */
export function ourConf(config: PgctldConfig, layout: Layout, programs: Programs): string {
  const connections = config.member ? Math.max(config.maxConnections, leastConnectionsOfMember) : config.maxConnections;
  const lines: Line[] = [
    ['cluster_name', quoted(config.id), 'seen in ps'],
    ['max_connections', String(connections)],
    ['unix_socket_permissions', '0700', 'the socket trusts: only the user who runs Postgres, and root, may reach it'],
    ['password_encryption', quoted('scram-sha-256')],
    ['hba_file', quoted(layout.hba)],
    ['ident_file', quoted(layout.ident)],
    ['wal_level', 'replica'],
    ['hot_standby', 'on'],
    ['max_wal_senders', '10'],
    ['max_replication_slots', '10'],
    ['wal_log_hints', 'on', 'a diverged server can be rewound'],
    ['max_prepared_transactions', String(connections), 'two-phase commit; a standby needs no fewer'],
    ['log_destination', quoted('stderr')],
    ['logging_collector', 'on'],
    ['log_directory', quoted(layout.log)],
    ['log_filename', quoted('postgres-%a.log'), 'a ring of seven days'],
    ['log_truncate_on_rotation', 'on'],
    ['log_rotation_age', '1d'],
    ['log_rotation_size', '0'],
    ['log_line_prefix', quoted('%m [%p] %q%u@%d ')],
    ['lc_messages', quoted('C'), 'pgctld reads the log to say why a start failed'],
    ...(config.member ? memberLines : []),
    ...(config.member && programs.hasSyncfs ? [syncLine] : []),
  ];
  const settings = lines.map(([name, value, why]) => `${name} = ${value}${why === undefined ? '' : ` # ${why}`}`);
  return ['# Written by pgctld at each start; changes are lost.', ...settings, ''].join('\n');
}

/**
 * Who may log in (PostgreSQL documentation, "The pg_hba.conf File"). The socket trusts, because its file permissions let in nobody but
 * the user who runs Postgres; everybody else shows a password. Members stream and copy from each other as a role of their own, with a
 * password like anybody; pg_rewind reads through an ordinary connection to the database postgres.
 */
export function hbaConf(): string {
  return [
    '# Written by pgctld at each start; changes are lost.',
    'local all all trust',
    'local replication all trust',
    'host all all all scram-sha-256',
    'host replication all all scram-sha-256',
    '',
  ].join('\n');
}

/** Arguments of the server. What pgctld relies on to find it again stands here, where ALTER SYSTEM cannot change it. */
export function serverArgs(config: PgctldConfig, layout: Layout): readonly string[] {
  const settings: readonly [string, string][] = [
    ['config_file', layout.mainConf],
    ['port', String(config.port)],
    ['listen_addresses', config.listenAddresses.join(',')],
    ['unix_socket_directories', config.socketDirectory],
  ];
  return ['-D', layout.data, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
