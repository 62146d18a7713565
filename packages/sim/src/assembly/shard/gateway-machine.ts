import type { World } from '@multigres/core';
import { defaultConsoleConfig, defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import type { SimNode } from '../../world/weather.ts';
import { at, ports } from './ports.ts';
import type { ShardSite } from './shard-site.ts';

/** A gateway on a machine of its own. Everybody is trusted: who may log in is other scenarios' business. */
export class GatewayMachine {
  readonly name: string;
  readonly node: SimNode;
  gateway: Gateway | undefined;

  constructor(site: ShardSite, name: string, cell: string) {
    this.name = name;
    this.node = site.weather.node(name, (world) => this.#start(site, world, cell));
  }

  async #start(site: ShardSite, world: World, cell: string): Promise<void> {
    const directory = site.directory(world, this.node);
    const rpc = site.transport(world, this.node);
    this.gateway = await startGateway(
      world,
      {
        id: `${cell}/${this.name}`,
        listen: [at(this.name, ports.gateway)],
        auth: { kind: 'trust' },
        console: { ...defaultConsoleConfig, trustAnywhere: true },
        limits: { ...defaultGatewayLimits, poolerWaitMs: 5000 },
      },
      { kind: 'topology', directory, cell, rpc },
      {
        config: { name: this.name, cell, rpc: at(this.name, ports.gatewayControl) },
        rpc,
        directory,
      },
    );
  }
}
