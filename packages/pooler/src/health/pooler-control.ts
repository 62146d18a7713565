import type { MessageInitShape } from '@multigres/rpc';
import { PgError, type Endpoint, type Timer, type World } from '@multigres/core';
import {
  endpointMessage,
  HealthReporter,
  PoolerService,
  PostgresRole,
  Published,
  served,
  ServingState,
  type CallContext,
  type PoolerSchema,
  type PoolerStatusSchema,
  type PostgresStatusSchema,
  type RpcServer,
  type RpcTransport,
} from '@multigres/rpc';
import type { Directory, Registration } from '@multigres/topology';
import type { AdminQueries } from '../backend/admin-queries.ts';
import { memberService } from '../member/member-service.ts';
import type { MemberDriver } from '../member/member.driver.ts';
import type { PoolerLimits } from '../config.ts';
import type { PoolerStatus } from '../pooler.ts';
import { onHealthEvent, type HealthEvent, type PostgresHealth } from './postgres-health.machine.ts';

const probeMs = 1_000;
/** A member looks by itself, and says when its Postgres comes or goes. */
const memberProbeMs = 10_000;
const heartbeatMsDefault = 5_000;
const probeQuery =
  "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_version')";

export interface PoolerControlConfig {
  readonly name: string;
  readonly cell: string;
  readonly shard: { readonly database: string; readonly tableGroup: string; readonly shard: string };
  /** Where the control service listens. */
  readonly rpc: Endpoint;
  /** Where others reach what listens here, if not where it listens: behind a proxy, or an address translation. */
  readonly advertised?: { readonly relay?: Endpoint; readonly rpc?: Endpoint };
}

export interface PoolerControlParts {
  readonly rpc: RpcTransport;
  /** Where the pooler makes itself known; nowhere if absent. */
  readonly directory?: Directory;
}

/** What the control service tells about. */
export interface ControlledPooler {
  readonly relay: Endpoint | undefined;
  readonly postgres: Endpoint;
  readonly limits: PoolerLimits;
  readonly admin: AdminQueries | undefined;
  /** Its part in the shard's consensus. */
  readonly member: MemberDriver | undefined;
  status(): PoolerStatus;
}

/**
 * The pooler's face towards operators and gateways: asks Postgres every second how it is, serves `PoolerService` and the standard health service,
 * and keeps the pooler's record in the topology.
 */
export class PoolerControl {
  readonly #world: World;
  readonly #pooler: ControlledPooler;
  readonly #config: PoolerControlConfig;
  readonly #parts: PoolerControlParts;
  readonly #startedMs: bigint;
  readonly #changes: Published<undefined>;
  readonly #reporter: HealthReporter;
  #health: PostgresHealth = { kind: 'unknown' };
  #server: RpcServer | undefined;
  #registration: Registration<typeof PoolerSchema> | undefined;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(world: World, pooler: ControlledPooler, config: PoolerControlConfig, parts: PoolerControlParts) {
    this.#world = world;
    this.#pooler = pooler;
    this.#config = config;
    this.#parts = parts;
    this.#startedMs = BigInt(Math.floor(world.clock.wallMs()));
    this.#changes = new Published<undefined>(world.clock, undefined);
    this.#reporter = new HealthReporter(world.clock, [PoolerService.typeName]);
  }

  /** Rejects with a NetworkError if it cannot listen. */
  async start(): Promise<void> {
    const service = served(PoolerService, {
      getStatus: async () => ({ status: this.#status() }),
      watchHealth: (request, context) => this.#watch(context, request.heartbeatMs),
    });
    const { postgres, member } = this.#pooler;
    const relay = this.#relay();
    const services = member === undefined ? [] : [memberService(member, this.#config.shard)];
    this.#server = await this.#parts.rpc.serve(this.#config.rpc, [service, this.#reporter.service, ...services]);
    this.#registration = this.#parts.directory?.registerPooler({
      id: { cell: this.#config.cell, name: this.#config.name },
      shard: this.#config.shard,
      rpcEndpoint: endpointMessage(this.#config.advertised?.rpc ?? this.#server.endpoint),
      ...(relay && { relayEndpoint: endpointMessage(relay) }),
      postgresEndpoint: endpointMessage(postgres),
      startedMs: this.#startedMs,
    });
    void this.#probe();
  }

  /** Leaves the topology first, so that nobody is sent to a pooler that is going. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#reporter.set('notServing');
    this.#changes.set(undefined);
    await this.#registration?.close({ deadlineMs: 1_000 }).catch(() => {});
    await this.#server?.close({ graceMs: 500 });
  }

  /** The member is something else, or can do something else: who watches hears it at once. */
  changed(): void {
    if (this.#stopped) return;
    const up = this.#pooler.member?.status().postgresUp;
    if (up !== undefined && up !== (this.#health.kind === 'up')) this.#probeNow();
    this.#changes.set(undefined);
  }

  #probeNow(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    void this.#probe();
  }

  async *#watch(
    context: CallContext,
    heartbeatMs: number,
  ): AsyncIterable<{ status: MessageInitShape<typeof PoolerStatusSchema> }> {
    const beatMs = heartbeatMs === 0 ? heartbeatMsDefault : Math.max(100, heartbeatMs);
    for await (const _ of this.#changes.watch(context, beatMs)) yield { status: this.#status() };
  }

  async #probe(): Promise<void> {
    const event = await this.#ask();
    if (this.#stopped) return;
    const [next, effects] = onHealthEvent(this.#health, event);
    this.#health = next;
    if (effects.length > 0) this.#publish();
    const { member } = this.#pooler;
    this.#timer = this.#world.clock.after(member === undefined ? probeMs : memberProbeMs, () => void this.#probe());
  }

  async #ask(): Promise<HealthEvent> {
    if (this.#pooler.admin === undefined)
      return { kind: 'probeFailed', reason: 'the pooler has no role to ask with (--admin-user)' };
    try {
      const [row] = await this.#pooler.admin.query(probeQuery);
      return {
        kind: 'probeAnswered',
        inRecovery: row?.[0] === 't',
        versionNumber: Number(row?.[1] ?? 0),
        version: row?.[2] ?? '',
      };
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      return { kind: 'probeFailed', reason: error.message };
    }
  }

  #publish(): void {
    const up = this.#health.kind === 'up';
    this.#reporter.set(up ? 'serving' : 'notServing');
    this.#world.telemetry.log.info(up ? 'Postgres is up' : 'Postgres is not up', {
      reason: this.#health.kind === 'down' ? this.#health.reason : undefined,
      version: this.#health.kind === 'up' ? this.#health.version : undefined,
    });
    this.#changes.set(undefined);
  }

  #relay(): Endpoint | undefined {
    return this.#config.advertised?.relay ?? this.#pooler.relay;
  }

  #status(): MessageInitShape<typeof PoolerStatusSchema> {
    const { limits, member } = this.#pooler;
    const relay = this.#relay();
    const part = member?.status();
    return {
      id: { cell: this.#config.cell, name: this.#config.name },
      shard: this.#config.shard,
      ...(relay && { relayEndpoint: endpointMessage(relay) }),
      databases: [],
      serving: part?.open === false ? ServingState.NOT_SERVING : this.#serving(),
      servingReason: this.#health.kind === 'down' ? this.#health.reason : (part?.closedReason ?? ''),
      postgres: this.#postgres(),
      pools: this.#pooler.status().pools.map((pool) => ({
        database: pool.database,
        user: pool.user,
        backendsIdle: pool.idle,
        backendsActive: pool.shared + pool.leased,
        backendsMax: limits.poolBackendsMax,
        waiting: pool.waiting,
      })),
      startedMs: this.#startedMs,
      ...(part && { member: part }),
    };
  }

  #serving(): ServingState {
    if (this.#stopped) return ServingState.DRAINING;
    if (this.#health.kind === 'unknown') return ServingState.STARTING;
    return this.#health.kind === 'up' ? ServingState.SERVING : ServingState.NOT_SERVING;
  }

  #postgres(): MessageInitShape<typeof PostgresStatusSchema> {
    const endpoint = endpointMessage(this.#pooler.postgres);
    if (this.#health.kind !== 'up') return { endpoint, up: false, role: PostgresRole.UNSPECIFIED };
    const { role, version, versionNumber } = this.#health;
    return {
      endpoint,
      up: true,
      role: role === 'primary' ? PostgresRole.PRIMARY : PostgresRole.STANDBY,
      version,
      versionNumber,
    };
  }
}
