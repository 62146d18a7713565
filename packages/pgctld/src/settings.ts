import type { PgctldConfig } from './config.ts';
import type { Layout } from './layout.ts';

/** A string constant of postgresql.conf (PostgreSQL documentation, "Parameter Names and Values"). */
function quoted(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

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

/** Our settings (PostgreSQL documentation, chapter "Server Configuration"), each with its reason where it is not plain. */
export function ourConf(config: PgctldConfig, layout: Layout): string {
  const lines: [name: string, value: string, why?: string][] = [
    ['cluster_name', quoted(config.id), 'seen in ps'],
    ['max_connections', String(config.maxConnections)],
    ['unix_socket_permissions', '0700', 'the socket trusts: only the user who runs Postgres, and root, may reach it'],
    ['password_encryption', quoted('scram-sha-256')],
    ['hba_file', quoted(layout.hba)],
    ['ident_file', quoted(layout.ident)],
    ['wal_level', 'replica'],
    ['hot_standby', 'on'],
    ['max_wal_senders', '10'],
    ['max_replication_slots', '10'],
    ['wal_log_hints', 'on', 'a diverged server can be rewound'],
    ['max_prepared_transactions', String(config.maxConnections), 'two-phase commit; a standby needs no fewer'],
    ['log_destination', quoted('stderr')],
    ['logging_collector', 'on'],
    ['log_directory', quoted(layout.log)],
    ['log_filename', quoted('postgres-%a.log'), 'a ring of seven days'],
    ['log_truncate_on_rotation', 'on'],
    ['log_rotation_age', '1d'],
    ['log_rotation_size', '0'],
    ['log_line_prefix', quoted('%m [%p] %q%u@%d ')],
    ['lc_messages', quoted('C'), 'pgctld reads the log to say why a start failed'],
  ];
  const settings = lines.map(([name, value, why]) => `${name} = ${value}${why === undefined ? '' : ` # ${why}`}`);
  return ['# Written by pgctld at each start; changes are lost.', ...settings, ''].join('\n');
}

/**
 * Who may log in (PostgreSQL documentation, "The pg_hba.conf File"). The socket trusts, because its file permissions let in nobody but
 * the user who runs Postgres; everybody else shows a password.
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
