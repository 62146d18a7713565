import type { MessageInitShape } from '@multigres/rpc';
import type { Endpoint, World } from '@multigres/core';
import {
  endpointMessage,
  GatewayService,
  HealthReporter,
  served,
  type GatewaySchema,
  type GatewayStatusSchema,
  type RpcServer,
  type RpcTransport,
} from '@multigres/rpc';
import type { Directory, Registration } from '@multigres/topology';
import type { GatewayStatus } from '../gateway.ts';
import { knownPoolers } from '../route/known-poolers.ts';
import type { ShardRoute } from '../route/shard-route.ts';

export interface GatewayControlConfig {
  readonly name: string;
  readonly cell: string;
  /** Where the control service listens. */
  readonly rpc: Endpoint;
}

export interface GatewayControlParts {
  readonly rpc: RpcTransport;
  /** Where the gateway makes itself known; nowhere if absent. */
  readonly directory?: Directory;
}

/** What the control service tells about. */
export interface ControlledGateway {
  readonly endpoints: readonly Endpoint[];
  readonly sessionsMax: number;
  readonly shard: ShardRoute | undefined;
  status(): GatewayStatus;
}

/** The gateway's face towards operators: `GatewayService`, the standard health service, and its record in the topology. */
export class GatewayControl {
  readonly #gateway: ControlledGateway;
  readonly #config: GatewayControlConfig;
  readonly #parts: GatewayControlParts;
  readonly #startedMs: bigint;
  readonly #reporter: HealthReporter;
  #server: RpcServer | undefined;
  #registration: Registration<typeof GatewaySchema> | undefined;
  #stopped = false;

  constructor(world: World, gateway: ControlledGateway, config: GatewayControlConfig, parts: GatewayControlParts) {
    this.#gateway = gateway;
    this.#config = config;
    this.#parts = parts;
    this.#startedMs = BigInt(Math.floor(world.clock.wallMs()));
    this.#reporter = new HealthReporter(world.clock, [GatewayService.typeName]);
  }

  /** Rejects with a NetworkError if it cannot listen. */
  async start(): Promise<void> {
    const service = served(GatewayService, { getStatus: async () => ({ status: this.#status() }) });
    this.#server = await this.#parts.rpc.serve(this.#config.rpc, [service, this.#reporter.service]);
    this.#reporter.set('serving');
    this.#registration = this.#parts.directory?.registerGateway({
      id: { cell: this.#config.cell, name: this.#config.name },
      rpcEndpoint: endpointMessage(this.#server.endpoint),
      listenEndpoints: this.#gateway.endpoints.map(endpointMessage),
      startedMs: this.#startedMs,
    });
  }

  /** Nobody is to be sent here any more. */
  drain(): void {
    this.#stopped = true;
    this.#reporter.set('notServing');
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#reporter.set('notServing');
    await this.#registration?.close({ deadlineMs: 1_000 }).catch(() => {});
    await this.#server?.close({ graceMs: 500 });
  }

  #status(): MessageInitShape<typeof GatewayStatusSchema> {
    const { endpoints, sessionsMax, shard } = this.#gateway;
    const status = this.#gateway.status();
    return {
      id: { cell: this.#config.cell, name: this.#config.name },
      listenEndpoints: endpoints.map(endpointMessage),
      sessions: status.sessions,
      sessionsMax,
      accepting: !this.#stopped,
      poolers: shard === undefined ? [] : knownPoolers(shard.view, shard.records),
      topologyConnected: shard?.isConnected ?? false,
      startedMs: this.#startedMs,
    };
  }
}
