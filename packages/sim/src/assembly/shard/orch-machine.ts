import type { World } from '@multigres/core';
import { startOrch, type Orch } from '@multigres/orch';
import type { SimNode } from '../../world/weather.ts';
import { at, ports } from './ports.ts';
import type { ShardSite } from './shard-site.ts';

/** An orchestrator on a machine of its own. */
export class OrchMachine {
  readonly name: string;
  readonly node: SimNode;
  orch: Orch | undefined;

  constructor(site: ShardSite, name: string, cell: string) {
    this.name = name;
    this.node = site.weather.node(name, (world) => this.#start(site, world, cell));
  }

  async #start(site: ShardSite, world: World, cell: string): Promise<void> {
    const parts = { world, rpc: site.transport(world, this.node), directory: site.directory(world, this.node) };
    this.orch = await startOrch(parts, { name: this.name, cell, rpc: at(this.name, ports.orch) });
  }
}
