import type { Endpoint, TlsContext } from '@multigres/core';
import type { RelayTls } from '@multigres/relay';
import type { MemberConfig } from './member/member-config.ts';
import type { Shares } from './limits/shares.ts';

/** TLS towards Postgres, in libpq's words (documentation, "SSL Mode Descriptions"). Over a Unix socket there is none. */
export interface PostgresTls {
  readonly mode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** Whom we trust, and the certificate that we show if Postgres asks for one. Asked anew for each connection. */
  context(): TlsContext;
}

export interface PoolerConfig {
  /** Component id, e.g. `cell1/pooler-1`. */
  readonly id: string;
  /** Where gateways connect for queries; undefined if only `accept` brings them. */
  readonly relay: Endpoint | undefined;
  /** Undefined: links of gateways are in clear. */
  readonly relayTls?: RelayTls;
  /** The Postgres beside us. */
  readonly postgres: Endpoint;
  /** Undefined: in clear. */
  readonly postgresTls?: PostgresTls;
  readonly limits: PoolerLimits;
  /** What single users and databases may have; nothing is limited if it is left out. */
  readonly shares?: Shares;
  /** Its part in a shard's consensus; without it, the pooler serves whatever its Postgres is. Needs the control service. */
  readonly member?: MemberConfig;
  /** A role that may read `pg_authid`, so that gateways can check passwords. Without one, verifiers cannot be looked up. */
  readonly admin?: { readonly user: string; readonly database: string; readonly password?: string };
}

export interface PoolerLimits {
  /** Backends in all pools together; stay below Postgres's `max_connections` less its reserve. */
  readonly backendsMax: number;
  /** Backends per user and database (and startup settings that only a login can make). */
  readonly poolBackendsMax: number;
  /** See `PoolLimits` in pool/pool.machine.ts. */
  readonly sharedBackendsMax: number;
  readonly sharedGroupsMax: number;
  /** Sessions that may wait for a backend of one pool. */
  readonly waitersMax: number;
  /**
   * A statement that only reads and takes longer than this by its history has a backend to itself, and one that takes longer unexpectedly loses those
   * behind it to other backends. Infinity: all share alike.
   */
  readonly slowMs: number;
  /** A session that has waited this long for a backend is refused (53300). */
  readonly waitMs: number;
  /** A login at Postgres takes at most this long. */
  readonly loginMs: number;
  /** While the first in line has waited for longer than this, whoever would have to wait is refused at once (53300). Infinity: never. */
  readonly shedMs: number;
  /** A backend is replaced after this long, a little earlier each by chance, as soon as it is free. Infinity: never. */
  readonly lifetimeMs: number;
  /** A backend that was not used for this long is asked for a sign of life, and replaced if it gives none. Infinity: never. */
  readonly checkMs: number;
  /** Backends that each pool keeps once somebody has used it, also while nobody does. */
  readonly warmBackends: number;
  /** An unused backend is closed after this long. */
  readonly idleMs: number;
  /** Prepared statements on one backend. */
  readonly statementsMax: number;
  readonly sessionsMax: number;
}

export const defaultPoolerLimits: PoolerLimits = {
  backendsMax: 80,
  poolBackendsMax: 20,
  sharedBackendsMax: 4,
  sharedGroupsMax: 32,
  waitersMax: 20_000,
  slowMs: 2,
  waitMs: 30_000,
  shedMs: Infinity,
  lifetimeMs: 3_600_000,
  checkMs: 30_000,
  warmBackends: 0,
  loginMs: 15_000,
  idleMs: 600_000,
  statementsMax: 500,
  sessionsMax: 100_000,
};
