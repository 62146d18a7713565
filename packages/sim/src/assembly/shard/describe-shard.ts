import { Directory } from '@multigres/topology';
import { etcdTopology } from '../../model/etcd/etcd-topology.ts';
import { shardKey } from './ports.ts';
import { cellNames, type ShardSite } from './shard-site.ts';

const patience = { deadlineMs: 5000 } as const;

/** What an operator writes into the topology before anything else: cells, a database, its one shard. */
export async function describeShard(
  site: ShardSite,
  durabilityPolicy: { readonly name: string; readonly n: number },
): Promise<void> {
  const { weather } = site;
  const life = weather.life('operator');
  const world = weather.world(life, weather.machine('operator'));
  const parts = { life, machine: 'operator', clock: world.clock, random: world.random };
  const directory = new Directory(world, etcdTopology(site.etcd, parts));
  const { database, tableGroup } = shardKey;
  for (const name of cellNames) await directory.cells.put({ name }, patience);
  await directory.databases.put(
    { name: database, defaultTableGroup: tableGroup, cells: [...cellNames], durabilityPolicy },
    patience,
  );
  await directory.tableGroups.put({ database, name: tableGroup }, patience);
  await directory.shards.put({ key: shardKey, keyRange: {} }, patience);
}
