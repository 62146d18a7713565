import type { Clock, Endpoint, Network } from '@multigres/core';
import type { ServedService } from '../service.ts';
import type { RpcChannel, RpcServer, RpcTransport } from '../transport.ts';
import { NetworkChannel } from './network-channel.ts';
import { NetworkServer } from './network-server.ts';

export interface NetworkTransportLimits {
  /** Largest message, in bytes. */
  readonly messageBytesMax: number;
  /** Calls at once on one connection. */
  readonly callsMax: number;
  /** How long one attempt to connect may take; a call's own deadline may end its wait earlier. */
  readonly connectMsMax: number;
  /** See `LinkLimits`. */
  readonly keepaliveMs: number;
}

export const networkTransportLimits: NetworkTransportLimits = {
  messageBytesMax: 4 * 1024 * 1024,
  callsMax: 1000,
  connectMsMax: 5000,
  keepaliveMs: 2000,
};

/**
 * The transport over the `Network` port: quiet, simulated or real. The simulator's nodes and unit tests use it; production speaks gRPC (`host`).
 */
export class NetworkTransport implements RpcTransport {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #limits: NetworkTransportLimits;

  constructor(
    world: { readonly network: Network; readonly clock: Clock },
    limits: NetworkTransportLimits = networkTransportLimits,
  ) {
    this.#network = world.network;
    this.#clock = world.clock;
    this.#limits = limits;
  }

  async serve(endpoint: Endpoint, services: readonly ServedService[]): Promise<RpcServer> {
    const server = new NetworkServer(this.#clock, this.#limits, services);
    server.listening(await this.#network.listen(endpoint, (connection) => server.accept(connection)));
    return server;
  }

  connect(endpoint: Endpoint): RpcChannel {
    return new NetworkChannel(this.#network, this.#clock, this.#limits, endpoint);
  }
}
