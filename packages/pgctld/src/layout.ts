/** Where pgctld keeps what, below its directory. Postgres's own files are in `data` only, and only Postgres writes there. */
export interface Layout {
  readonly root: string;
  readonly data: string;
  readonly etc: string;
  readonly mainConf: string;
  readonly ourConf: string;
  /** For people: read after ours, so that it wins. */
  readonly confDirectory: string;
  readonly hba: string;
  readonly ident: string;
  readonly log: string;
  /** What Postgres says before its log collector runs. */
  readonly startupLog: string;
  readonly lock: string;
  readonly passwordFile: string;
  /** The replication user's password, as libpq reads it. */
  readonly passfile: string;
  /** What pgctld remembers of the server. */
  readonly record: string;
}

export function layoutOf(directory: string): Layout {
  const etc = `${directory}/etc`;
  const log = `${directory}/log`;
  return {
    root: directory,
    data: `${directory}/data`,
    etc,
    mainConf: `${etc}/postgresql.conf`,
    ourConf: `${etc}/multigres.conf`,
    confDirectory: `${etc}/conf.d`,
    hba: `${etc}/pg_hba.conf`,
    ident: `${etc}/pg_ident.conf`,
    log,
    startupLog: `${log}/startup.log`,
    lock: `${directory}/pgctld.lock`,
    passwordFile: `${directory}/superuser-password.tmp`,
    passfile: `${etc}/replication.pgpass`,
    record: `${directory}/server.json`,
  };
}
