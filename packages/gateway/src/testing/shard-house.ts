import type { Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { NetworkTransport } from '@multigres/rpc';
import { Directory, MemoryTopology } from '@multigres/topology';
import { defaultGatewayLimits, type GatewayLimits } from '../config.ts';
import { startGateway, type Gateway } from '../gateway.ts';
import { FakeClient } from './fake-client.ts';
import { FakePooler } from './fake-pooler.ts';

const front: Endpoint = { kind: 'tcp', host: 'gateway', port: 5432 };

/** A gateway in cell `c1` and three scripted poolers in a cell each, of which nobody leads yet. */
export interface ShardHouse {
  readonly world: QuietWorld;
  readonly topology: MemoryTopology;
  readonly gateway: Gateway;
  readonly a: FakePooler;
  readonly b: FakePooler;
  readonly c: FakePooler;
  client(settings?: Readonly<Record<string, string>>): Promise<FakeClient>;
}

export async function shardHouse(limits: Partial<GatewayLimits> = {}): Promise<ShardHouse> {
  const world = quietWorld();
  const topology = new MemoryTopology(world.clock, ['c1', 'c2', 'c3']);
  const directory = new Directory(world, topology.connect(world.clock));
  for (const name of ['c1', 'c2', 'c3']) await world.until(directory.cells.put({ name }, { deadlineMs: 1000 }));
  const [a, b, c] = [
    await FakePooler.start(world, directory, 'c1', 'a'),
    await FakePooler.start(world, directory, 'c2', 'b'),
    await FakePooler.start(world, directory, 'c3', 'c'),
  ];
  const node = world.node('gateway');
  const config = {
    id: 'gateway',
    listen: [front],
    auth: { kind: 'trust' },
    limits: { ...defaultGatewayLimits, ...limits },
  } as const;
  const rpc = new NetworkTransport(node);
  const target = {
    kind: 'topology',
    directory: new Directory(node, topology.connect(node.clock)),
    cell: 'c1',
    rpc,
  } as const;
  const gateway = await startGateway(node, config, target);
  await world.advance(1000);
  return { world, topology, gateway, a, b, c, client: (settings) => FakeClient.connect(world, front, settings) };
}
