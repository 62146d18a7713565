import { noRevision, TopologyError } from '@multigres/topology';
import { etcdOfCell, localHost, localPolicy, localShard } from './cluster.ts';
import { withDirectory } from './directory.ts';
import { isShard, type ClusterRecord } from './record.ts';

const patience = { deadlineMs: 10_000 };

/**
 * Writes the records that do not come from a running component: cells, the database, its one shard. Done again, it only says where the cells'
 * stores are now; what administrators and orchestrators may have changed since stays.
 */
export function prepareTopology(record: ClusterRecord): Promise<string> {
  const cells = record.cells.map(({ name }) => name);
  const { database, tableGroup } = localShard;
  return withDirectory(record, async (directory) => {
    for (const cell of record.cells) {
      const storeEndpoints = [`${localHost}:${etcdOfCell(record, cell).clientPort}`];
      const storeRoot = `/multigres/cells/${cell.name}/`;
      await directory.cells.put({ name: cell.name, storeEndpoints, storeRoot }, patience);
    }
    const isNew = { ...patience, expectedVersion: noRevision };
    const durabilityPolicy = isShard(record) ? { durabilityPolicy: localPolicy } : {};
    await once(
      directory.databases.put({ name: database, defaultTableGroup: tableGroup, cells, ...durabilityPolicy }, isNew),
    );
    await once(directory.tableGroups.put({ database, name: tableGroup }, isNew));
    await once(directory.shards.put({ key: localShard, keyRange: {} }, isNew));
    return cells.length === 1 ? `cell ${cells[0]}` : `cells ${cells.join(', ')}`;
  });
}

/** A record that is there already stays as it is. */
async function once(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!(error instanceof TopologyError) || error.code !== 'versionMismatch') throw error;
  }
}
