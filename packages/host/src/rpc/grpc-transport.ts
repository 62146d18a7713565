import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import type { Clock, Endpoint } from '@multigres/core';
import type { RpcChannel, RpcServer, RpcTransport, ServedService } from '@multigres/rpc';
import { HostNetwork } from '../network.ts';
import { GrpcChannel } from './grpc-channel.ts';
import { grpcLimits, type GrpcLimits } from './grpc-options.ts';
import { GrpcServer } from './grpc-server.ts';

/** The transport of production: gRPC over TCP or Unix sockets, unencrypted. */
export class GrpcTransport implements RpcTransport {
  readonly #clock: Clock;
  readonly #network: HostNetwork;
  readonly #limits: GrpcLimits;

  constructor(world: { readonly clock: Clock }, limits: GrpcLimits = grpcLimits) {
    this.#clock = world.clock;
    this.#network = new HostNetwork(world.clock);
    this.#limits = limits;
    // grpc-js writes to standard error what it also reports as errors, which go to our own log.
    setLogVerbosity(logVerbosity.NONE);
  }

  async serve(endpoint: Endpoint, services: readonly ServedService[]): Promise<RpcServer> {
    // Clears away the socket file of a process that has died, which grpc-js takes for a living one.
    if (endpoint.kind === 'unix') await (await this.#network.listen(endpoint, (each) => each.destroy())).close();
    const server = new GrpcServer(this.#clock, this.#limits, services);
    await server.listen(endpoint);
    return server;
  }

  connect(endpoint: Endpoint): RpcChannel {
    return new GrpcChannel(this.#clock, this.#limits, endpoint);
  }
}
