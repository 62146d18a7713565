/** Everything that pgctld must be told. All paths are absolute, all times in milliseconds. */
export interface PgctldConfig {
  /** Identity in logs and in Postgres's cluster_name. */
  readonly id: string;
  /** Process id of this pgctld, for its lock file. */
  readonly pid: number;
  /** Where initdb, postgres and pg_controldata are. */
  readonly binDirectory: string;
  /** Our home; the data directory is `data` inside. Its parents must be reachable for the user who runs Postgres. */
  readonly directory: string;
  /** Where the Unix socket is made; at most 90 bytes, because the operating system limits socket paths to 107. */
  readonly socketDirectory: string;
  readonly port: number;
  /** Empty: only the Unix socket. */
  readonly listenAddresses: readonly string[];
  readonly maxConnections: number;
  /** Numeric user and group for Postgres. Needed when pgctld runs as root. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  /** Password of the bootstrap superuser, plain or as a SCRAM verifier; without one nobody can log in over TCP. */
  readonly superuserPassword?: string;
  /** One of several servers that keep a shard: it always starts as a standby, and a primary comes from a promotion only. */
  readonly member?: boolean;
  /** Password of the role `multigres_replication`, with which members copy, rewind and stream from each other. */
  readonly replicationPassword?: string;
  /** Start Postgres again, with backoff, when it has ended without being asked to. */
  readonly keepRunning: boolean;
  readonly limits: PgctldLimits;
}

export interface PgctldLimits {
  readonly initMsMax: number;
  /** How long a start waits until connections are accepted. Postgres is not stopped when it has passed. */
  readonly startMsMax: number;
  /** How long pg_basebackup and pg_rewind, which tell of their progress, may be silent, as they are while they flush: a source that hangs must not hold them for ever. */
  readonly silentMsMax: number;
  /** How long a promotion may take to end recovery. */
  readonly promoteMsMax: number;
  /** When to lose patience: a smart stop becomes fast, then immediate, then SIGKILL, then an error. */
  readonly smartMsMax: number;
  readonly fastMsMax: number;
  readonly immediateMsMax: number;
  readonly killMsMax: number;
}

export const defaultLimits: PgctldLimits = {
  initMsMax: 120_000,
  startMsMax: 60_000,
  silentMsMax: 600_000,
  promoteMsMax: 30_000,
  smartMsMax: 30_000,
  fastMsMax: 60_000,
  immediateMsMax: 10_000,
  killMsMax: 10_000,
};
