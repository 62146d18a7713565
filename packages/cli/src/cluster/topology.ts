import { cell } from './cluster.ts';
import { withDirectory } from './directory.ts';
import { etcdHost } from './etcd.ts';
import type { ClusterRecord } from './record.ts';

const patience = { deadlineMs: 10_000 };

/** Writes the records that do not come from a running component: the cell, the database, its one shard. Done again, it changes nothing. */
export function prepareTopology(record: ClusterRecord): Promise<string> {
  const key = { database: 'postgres', tableGroup: 'default', shard: '0' };
  return withDirectory(record, async (directory) => {
    const storeEndpoints = [`${etcdHost}:${record.etcd.clientPort}`];
    await directory.cells.put({ name: cell, storeEndpoints, storeRoot: `/multigres/cells/${cell}/` }, patience);
    await directory.databases.put({ name: key.database, defaultTableGroup: key.tableGroup, cells: [cell] }, patience);
    await directory.tableGroups.put({ database: key.database, name: key.tableGroup }, patience);
    await directory.shards.put({ key, keyRange: {} }, patience);
    return `cell ${cell}`;
  });
}
