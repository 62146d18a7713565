import type { Averages } from './stats-periods.ts';

/**
 * What an admin console asks of a pooler. The names are ours; which column of which PgBouncer view they fill is in `tables.ts`. Times are
 * milliseconds, those of day since 1970 (`Clock.wallMs`).
 */
export interface PoolerViews {
  /** One row for each user in a database, whatever the startup settings: the sums of its pools. */
  pools(): Iterable<PoolRow>;
  /** One for each backend. */
  servers(): Iterable<ServerRow>;
  /** One for each database since the pooler started. */
  stats(): Iterable<StatsRow>;
  /** Sessions that hold a backend, wait for one, or are pinned; not those that are idle and free. */
  sessions(): Iterable<SessionRow>;
  databases(): Iterable<DatabaseRow>;
  users(): Iterable<UserRow>;
  config(): Iterable<ConfigRow>;
  /** Sizes of what it keeps, by name. */
  memory(): Iterable<MemoryRow>;
}

export interface PoolRow {
  readonly database: string;
  readonly user: string;
  /** All sessions, the waiting ones included. */
  readonly sessions: number;
  readonly waiting: number;
  /** How long the first in line has waited. */
  readonly longestWaitMs: number;
  /** Backends at work: leased to one session, or shared by several. */
  readonly leased: number;
  readonly shared: number;
  readonly idle: number;
  /** Backends that are being reset. */
  readonly resetting: number;
  /** Backends to which a cancel is on its way. */
  readonly cancelling: number;
  /** Logging in at Postgres. */
  readonly starting: number;
  /** Leased for longer than a transaction. */
  readonly pinned: number;
  readonly paused: boolean;
}

export interface ServerRow {
  readonly id: number;
  readonly user: string;
  readonly database: string;
  readonly state: 'idle' | 'shared' | 'leased' | 'resetting' | 'cancelling' | 'starting';
  /** Postgres's. */
  readonly processId: number;
  readonly connectedMs: number;
  /** When it got its last group. */
  readonly requestMs: number;
  /** Closed as soon as it has nothing to do. */
  readonly retired: boolean;
  readonly preparedStatements: number;
  /** Groups that wait for their answers. */
  readonly owed: number;
  /** Who holds it; absent if nobody does. */
  readonly gateway?: string;
  readonly channel?: number;
}

/** Sums since the start; `Ms` may have fractions. */
export interface StatsRow {
  readonly database: string;
  readonly transactions: number;
  /** Groups: each Query, Sync or FunctionCall. */
  readonly queries: number;
  readonly assignments: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly transactionMs: number;
  readonly queryMs: number;
  readonly waitMs: number;
  readonly parses: number;
  /** Of the last period. */
  readonly averages: Averages;
}

export interface SessionRow {
  /** The name in the hello of its gateway, and its channel there. */
  readonly gateway: string;
  readonly channel: number;
  readonly user: string;
  readonly database: string;
  readonly state: 'active' | 'waiting' | 'idle';
  /** In the line for a backend, 0 if it is not. */
  readonly waitMs: number;
  /** Postgres's process id of the backend that it holds. */
  readonly processId: number | undefined;
  /** Pin reasons, a bit set (package sql), and since when there are any. */
  readonly pins: number;
  readonly pinnedSinceMs: number | undefined;
}

export interface DatabaseRow {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Backends of one pool. */
  readonly poolBackendsMax: number;
  readonly backendsMax: number | undefined;
  readonly backends: number;
  readonly sessionsMax: number | undefined;
  readonly sessions: number;
  readonly paused: boolean;
}

export interface UserRow {
  readonly name: string;
  readonly backendsMax: number | undefined;
  readonly backends: number;
  readonly sessionsMax: number | undefined;
  readonly sessions: number;
}

export interface ConfigRow {
  readonly key: string;
  readonly value: string;
  readonly default: string;
  /** Whether a reload of the configuration changes it. */
  readonly changeable: boolean;
}

export interface MemoryRow {
  readonly name: string;
  readonly count: number;
  readonly bytes: number | undefined;
}

/**
 * What an admin console wants done at a pooler. A promise resolves when it is done, and rejects with a PgError to refuse (3D000 for a database
 * that the pooler serves nobody in, 55000 where it makes no sense now). A member that is not there is refused with 0A000.
 */
export interface PoolerCommands {
  /** No statement gets a backend any more; resolves when all backends of the database (all databases if absent) are closed. */
  readonly pause?: (database: string | undefined) => Promise<void>;
  /** Ends `pause` and `kill`. */
  readonly resume?: (database: string | undefined) => Promise<void>;
  /** Ends all sessions and backends of the database at once, and pauses it. */
  readonly kill?: (database: string | undefined) => Promise<void>;
  /** Backends are closed as soon as they are given back, and new ones are made. */
  readonly reconnect?: (database: string | undefined) => Promise<void>;
  /** Reads its configuration again. */
  readonly reload?: (() => Promise<void>) | undefined;
}
