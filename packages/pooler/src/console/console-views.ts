import { formatEndpoint, type Clock } from '@multigres/core';
import { defaultPoolerLimits, type PoolerConfig, type PoolerLimits } from '../config.ts';
import { databaseBackendsMax, shareOfDatabase, shareOfUser, type Shares } from '../limits/shares.ts';
import type { Pool } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import type { GatewayLink } from '../session/gateway-link.ts';
import type { Session } from '../session/session.ts';
import type { StatementTable } from '../statement/statement-table.ts';
import { StatsPeriods } from './stats-periods.ts';
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

/** What the views are made of. */
export interface ViewedPooler {
  readonly clock: Clock;
  readonly config: PoolerConfig;
  readonly pools: Pools;
  readonly links: Iterable<GatewayLink>;
  readonly statements: StatementTable;
  /** As they are now. */
  readonly limits: () => PoolerLimits;
  readonly shares: () => Shares;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads the rows of the admin console off the pooler as it is, at the moment of asking: nothing is kept for them. */
export class ConsoleViews implements PoolerViews {
  readonly #pooler: ViewedPooler;

  readonly #periods: StatsPeriods;

  constructor(pooler: ViewedPooler) {
    this.#pooler = pooler;
    this.#periods = new StatsPeriods(pooler.clock.nowMs());
  }

  /** To be called several times a minute, for the averages. */
  look(): void {
    const { clock, pools } = this.#pooler;
    this.#periods.look(clock.nowMs(), () => pools.totals());
  }

  pools(): Iterable<PoolRow> {
    const rows = new Map<string, Mutable<PoolRow>>();
    const rowOf = ({ key: { user, database } }: Pool): Mutable<PoolRow> => {
      const key = JSON.stringify([database, user]);
      let row = rows.get(key);
      if (row === undefined) rows.set(key, (row = emptyPoolRow(database, user)));
      return row;
    };
    for (const pool of this.#pooler.pools) {
      const row = rowOf(pool);
      const { idle, shared, alone, leased, starting, waiting } = pool.counts;
      row.idle += idle;
      row.shared += shared + alone;
      row.paused ||= pool.isPaused;
      row.leased += leased;
      row.starting += starting;
      row.waiting += waiting;
      for (const { backend } of pool.places) if (backend.cancelling) row.cancelling += 1;
    }
    const nowMs = this.#pooler.clock.nowMs();
    for (const session of this.#sessions()) {
      const row = rowOf(session.pool);
      row.sessions += 1;
      if (session.pins !== 0 && session.lease !== undefined) row.pinned += 1;
      if (session.waitsSinceMs !== undefined)
        row.longestWaitMs = Math.max(row.longestWaitMs, nowMs - session.waitsSinceMs);
    }
    return rows.values();
  }

  *servers(): Iterable<ServerRow> {
    const gateways = this.#gateways();
    for (const pool of this.#pooler.pools) {
      for (const { backend, place, holder } of pool.places) {
        yield {
          id: backend.id,
          user: pool.key.user,
          database: pool.key.database,
          state: backend.cancelling ? 'cancelling' : place,
          processId: backend.identity.processId,
          connectedMs: this.#wallMs(backend.connectedMs),
          // Exact for one that is idle; one that is at work got something after this.
          requestMs: this.#wallMs(backend.idleSinceMs),
          retired: backend.retired,
          preparedStatements: backend.statements.size,
          owed: backend.owedGroups,
          ...(holder && { gateway: gateways.get(holder) ?? '', channel: holder.id }),
        };
      }
    }
  }

  stats(): Iterable<StatsRow> {
    const totals = this.#pooler.pools.totals();
    return Array.from(
      totals,
      ([database, { transactions, groups, groupMs, waits, waitMs, bytesReceived, bytesSent }]) => ({
        database,
        transactions,
        queries: groups,
        assignments: waits,
        receivedBytes: bytesReceived,
        sentBytes: bytesSent,
        // Time between the statements of a transaction is the client's own.
        transactionMs: groupMs,
        queryMs: groupMs,
        waitMs,
        parses: 0,
        averages: this.#periods.averages(database),
      }),
    );
  }

  *sessions(): Iterable<SessionRow> {
    const nowMs = this.#pooler.clock.nowMs();
    for (const [session, gateway] of this.#gateways()) {
      const { waitsSinceMs, lease, pins, pinnedSinceMs } = session;
      if (waitsSinceMs === undefined && lease === undefined && pins === 0 && !session.isActive) continue;
      yield {
        gateway,
        channel: session.id,
        user: session.pool.key.user,
        database: session.pool.key.database,
        state: waitsSinceMs === undefined ? (lease !== undefined || session.isActive ? 'active' : 'idle') : 'waiting',
        waitMs: waitsSinceMs === undefined ? 0 : nowMs - waitsSinceMs,
        processId: lease?.identity.processId,
        pins,
        pinnedSinceMs: pinnedSinceMs === undefined ? undefined : this.#wallMs(pinnedSinceMs),
      };
    }
  }

  databases(): Iterable<DatabaseRow> {
    const { config, limits, shares } = this.#pooler;
    const { postgres } = config;
    const host = postgres.kind === 'tcp' ? postgres.host : postgres.path;
    const port = postgres.kind === 'tcp' ? postgres.port : 0;
    const counted = this.#count(({ key }) => key.database);
    return Array.from(counted, ([name, { backends, sessions }]) => ({
      name,
      host,
      port,
      poolBackendsMax: limits().poolBackendsMax,
      backendsMax: databaseBackendsMax(shares(), name),
      backends,
      sessionsMax: shareOfDatabase(shares(), name).sessionsMax,
      sessions,
      paused: this.#pooler.pools.isPaused(name),
    }));
  }

  users(): Iterable<UserRow> {
    const shares = this.#pooler.shares();
    const counted = this.#count(({ key }) => key.user);
    return Array.from(counted, ([name, { backends, sessions }]) => ({
      name,
      backendsMax: shareOfUser(shares, name).backendsMax,
      backends,
      sessionsMax: shareOfUser(shares, name).sessionsMax,
      sessions,
    }));
  }

  *config(): Iterable<ConfigRow> {
    const { id, relay, postgres, admin } = this.#pooler.config;
    const limits = this.#pooler.limits();
    const fixed = { changeable: false, default: '' };
    yield { key: 'pooler.id', value: id, ...fixed };
    yield { key: 'pooler.relay', value: relay === undefined ? '' : formatEndpoint(relay), ...fixed };
    yield { key: 'pooler.postgres', value: formatEndpoint(postgres), ...fixed };
    yield { key: 'pooler.admin_user', value: admin?.user ?? '', ...fixed };
    for (const name of Object.keys(limits) as (keyof PoolerLimits)[]) {
      const value = String(limits[name]);
      yield { key: `pooler.${name}`, value, default: String(defaultPoolerLimits[name]), changeable: true };
    }
  }

  *memory(): Iterable<MemoryRow> {
    const { pools, statements } = this.#pooler;
    let backends = 0;
    let prepared = 0;
    let poolCount = 0;
    for (const pool of pools) {
      poolCount += 1;
      for (const { backend } of pool.places) {
        backends += 1;
        prepared += backend.statements.size;
      }
    }
    yield { name: 'pooler.sessions', count: [...this.#sessions()].length, bytes: undefined };
    yield { name: 'pooler.pools', count: poolCount, bytes: undefined };
    yield { name: 'pooler.backends', count: backends, bytes: undefined };
    yield { name: 'pooler.statements', count: statements.size, bytes: undefined };
    yield { name: 'pooler.prepared_on_backends', count: prepared, bytes: undefined };
  }

  *#sessions(): Iterable<Session> {
    for (const link of this.#pooler.links) yield* link.sessions;
  }

  #gateways(): Map<Session, string> {
    const gateways = new Map<Session, string>();
    for (const link of this.#pooler.links)
      for (const session of link.sessions) gateways.set(session, link.peer?.id ?? '');
    return gateways;
  }

  /** Backends and sessions by what `nameOf` makes of their pool. */
  #count(nameOf: (pool: Pool) => string): Map<string, { backends: number; sessions: number }> {
    const counts = new Map<string, { backends: number; sessions: number }>();
    const of = (pool: Pool): { backends: number; sessions: number } => {
      const name = nameOf(pool);
      let count = counts.get(name);
      if (count === undefined) counts.set(name, (count = { backends: 0, sessions: 0 }));
      return count;
    };
    for (const pool of this.#pooler.pools) of(pool).backends += pool.places.length;
    for (const session of this.#sessions()) of(session.pool).sessions += 1;
    return counts;
  }

  /** Unix time of a moment of the monotonic clock. */
  #wallMs(atMs: number): number {
    const { clock } = this.#pooler;
    return clock.wallMs() - (clock.nowMs() - atMs);
  }
}

function emptyPoolRow(database: string, user: string): Mutable<PoolRow> {
  return {
    database,
    user,
    sessions: 0,
    waiting: 0,
    longestWaitMs: 0,
    leased: 0,
    shared: 0,
    idle: 0,
    resetting: 0,
    cancelling: 0,
    starting: 0,
    pinned: 0,
    paused: false,
  };
}
