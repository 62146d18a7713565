import { PgError, type Endpoint, type World } from '@multigres/core';
import {
  ComponentIdSchema,
  create,
  endpointMessage,
  HealthReporter,
  OrchService,
  served,
  type OrchestratorSchema,
  type RpcServer,
  type RpcTransport,
  type Shard,
  type ShardKey,
} from '@multigres/rpc';
import { shardName, type Directory, type Registration } from '@multigres/topology';
import { MemberCalls } from './act/member-calls.ts';
import { defaultOrchTuning, type OrchConfig } from './config.ts';
import { unknownShard } from './errors.ts';
import { ShardKeeper, type KeeperParts } from './keeper/shard-keeper.ts';
import { OrchMetrics } from './orch-metrics.ts';
import { Orders } from './orders.ts';

export interface OrchParts {
  readonly world: World;
  readonly rpc: RpcTransport;
  readonly directory: Directory;
}

/** A running orchestrator. */
export interface Orch {
  /** Where its services listen, with the real port. */
  readonly endpoint: Endpoint;
  /** Shards that it keeps. */
  readonly shards: readonly ShardKey[];
  /** Begins nothing more; what is under way at members goes on there. Idempotent. */
  stop(): Promise<void>;
}

/** Keeps every shard of the topology. Rejects with a NetworkError if it cannot listen. */
export async function startOrch(parts: OrchParts, config: OrchConfig): Promise<Orch> {
  const orch = new Orchestrator(parts, config);
  await orch.start();
  return orch;
}

class Orchestrator implements Orch {
  readonly #parts: OrchParts;
  readonly #config: OrchConfig;
  readonly #calls: MemberCalls;
  readonly #keepers = new Map<string, ShardKeeper>();
  readonly #keeperParts: KeeperParts;
  readonly #shards: ReturnType<Directory['shards']['watch']>;
  readonly #reporter: HealthReporter;
  readonly #orders: Orders;
  readonly #startedMs: bigint;
  #server: RpcServer | undefined;
  #registration: Registration<typeof OrchestratorSchema> | undefined;

  constructor(parts: OrchParts, config: OrchConfig) {
    const { world, rpc, directory } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#calls = new MemberCalls(rpc);
    this.#orders = new Orders(directory);
    this.#startedMs = BigInt(Math.floor(world.clock.wallMs()));
    this.#reporter = new HealthReporter(world.clock, [OrchService.typeName]);
    const metrics = new OrchMetrics(world.telemetry.metrics);
    metrics.observeProblems(() => this.#problems());
    this.#keeperParts = {
      ...{ world, directory, calls: this.#calls, metrics },
      databases: directory.databases.watch(),
      orchestrators: directory.watchAllOrchestrators([config.cell]),
      tuning: { ...defaultOrchTuning, ...config.tuning },
      self: create(ComponentIdSchema, { cell: config.cell, name: config.name }),
    };
    this.#shards = directory.shards.watch();
  }

  get endpoint(): Endpoint {
    return this.#server?.endpoint ?? this.#config.rpc;
  }

  get shards(): readonly ShardKey[] {
    return [...this.#keepers.values()].map(({ observer }) => observer.key);
  }

  async start(): Promise<void> {
    const { rpc, directory } = this.#parts;
    this.#server = await rpc.serve(this.#config.rpc, [this.#service(), this.#reporter.service]);
    this.#registration = directory.registerOrchestrator({
      id: this.#keeperParts.self,
      rpcEndpoint: endpointMessage(this.#server.endpoint),
      startedMs: this.#startedMs,
    });
    this.#reporter.set('serving');
    this.#shards.onChange(() => this.#shardsChanged());
    this.#keeperParts.databases.onChange(() => this.#shardsChanged());
    this.#shardsChanged();
  }

  async stop(): Promise<void> {
    this.#reporter.set('notServing');
    for (const keeper of this.#keepers.values()) keeper.stop();
    this.#keepers.clear();
    this.#shards.close();
    this.#keeperParts.databases.close();
    this.#keeperParts.orchestrators.close();
    await this.#registration?.close({ deadlineMs: 1_000 }).catch(() => {});
    await this.#server?.close({ graceMs: 500 });
    this.#calls.close();
  }

  #shardsChanged(): void {
    const present = new Map<string, Shard>();
    for (const shard of this.#shards.records.values()) present.set(shardName(shard.key), shard);
    for (const [name, shard] of present) {
      const keeper = this.#keepers.get(name);
      if (keeper !== undefined) keeper.update(shard);
      else if (shard.key !== undefined) this.#keepers.set(name, new ShardKeeper(shard, shard.key, this.#keeperParts));
    }
    for (const [name, keeper] of this.#keepers) {
      if (present.has(name)) continue;
      keeper.stop();
      this.#keepers.delete(name);
    }
  }

  #service(): ReturnType<typeof served> {
    const orders = this.#orders;
    return served(OrchService, {
      getStatus: async () => ({
        id: this.#keeperParts.self,
        shards: [...this.shards],
        topologyConnected: this.#shards.connected,
        startedMs: this.#startedMs,
      }),
      explainShard: async ({ shard }) => this.#keeper(shard).explain(),
      switchover: async ({ shard, successor, drainMs }) => orders.switchover(this.#keeper(shard), successor, drainMs),
      failover: async ({ shard, successor }) => {
        const rule = await orders.failover(this.#keeper(shard), successor);
        return rule === undefined ? {} : { rule };
      },
      addMember: async ({ shard, pooler, learner }) => ({
        rule: await orders.addMember(this.#keeper(shard), pooler, learner),
      }),
      removeMember: async ({ shard, pooler }) => ({ rule: await orders.removeMember(this.#keeper(shard), pooler) }),
      setPolicy: async ({ shard, policy }) => ({ rule: await orders.setPolicy(this.#keeper(shard), policy) }),
    });
  }

  #keeper(shard: ShardKey | undefined): ShardKeeper {
    const keeper = this.#keepers.get(shardName(shard));
    if (keeper === undefined) throw unknownShard(shard) satisfies PgError;
    return keeper;
  }

  *#problems(): Iterable<readonly [string, number]> {
    const counts = new Map<string, number>();
    for (const keeper of this.#keepers.values())
      for (const { kind } of keeper.findings) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    yield* counts;
  }
}
