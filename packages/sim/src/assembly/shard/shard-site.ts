import type { World } from '@multigres/core';
import { NetworkTransport, type RpcTransport } from '@multigres/rpc';
import { Directory, type Topology } from '@multigres/topology';
import { EtcdModel } from '../../model/etcd/etcd-model.ts';
import { etcdTopology, type EtcdClusters } from '../../model/etcd/etcd-topology.ts';
import { HeardTransport, type CallEars } from '../../world/heard-transport.ts';
import type { SimNode, Weather } from '../../world/weather.ts';

/** The failure domains of a simulated cluster. */
export const cellNames: readonly string[] = ['cell1', 'cell2', 'cell3'];

/** What all roles of a simulated cluster share: etcd, and how they call each other. */
export class ShardSite {
  readonly weather: Weather;
  readonly etcd: EtcdClusters;
  readonly #ears: CallEars;

  /** One etcd for all cells, with a member in each, and one of a single member in each cell. */
  constructor(weather: Weather, ears: CallEars) {
    this.weather = weather;
    this.#ears = ears;
    const machines = cellNames.map((_, i) => `etcd-${i + 1}`);
    this.etcd = {
      global: new EtcdModel(weather, 'global', machines),
      cells: new Map(cellNames.map((cell, i) => [cell, new EtcdModel(weather, cell, [machines[i] as string])])),
    };
  }

  start(): void {
    for (const model of [this.etcd.global, ...this.etcd.cells.values()]) model.start();
  }

  get etcdNodes(): SimNode[] {
    return [this.etcd.global, ...this.etcd.cells.values()].flatMap(({ members }) => members.map(({ node }) => node));
  }

  transport(world: World, node: SimNode): RpcTransport {
    const random = this.weather.kernel.random.fork(`calls/${node.name}#${node.life?.node ?? 0}`);
    return new HeardTransport(new NetworkTransport(world), world.clock, random, this.#ears);
  }

  topology(world: World, node: SimNode): Topology {
    const { life } = node;
    if (life === undefined) throw new Error(`${node.name} does not run`);
    return etcdTopology(this.etcd, {
      life,
      machine: node.machine.name,
      clock: world.clock,
      random: world.random.fork('etcd'),
    });
  }

  directory(world: World, node: SimNode): Directory {
    return new Directory(world, this.topology(world, node));
  }
}
