import type { Endpoint } from '@multigres/core';
import { etcdTopology, hostWorld } from '@multigres/host';
import { Directory, TopologyError } from '@multigres/topology';
import { CliError } from '../errors.ts';
import { cell } from './cluster.ts';
import { etcdHost } from './etcd.ts';
import type { ClusterRecord } from './record.ts';

const patience = { deadlineMs: 10_000 };

/** Writes the records that do not come from a running component: the cell, the database, its one shard. Done again, it changes nothing. */
export async function prepareTopology(record: ClusterRecord): Promise<string> {
  const world = hostWorld({ log: { level: 'error' } });
  const member: Endpoint = { kind: 'tcp', host: etcdHost, port: record.etcd.clientPort };
  const topology = etcdTopology(world, { global: [member], cells: { [cell]: [member] } });
  const directory = new Directory(world, topology);
  const key = { database: 'postgres', tableGroup: 'default', shard: '0' };
  try {
    const storeEndpoints = [`${etcdHost}:${record.etcd.clientPort}`];
    await directory.cells.put({ name: cell, storeEndpoints, storeRoot: `/multigres/cells/${cell}/` }, patience);
    await directory.databases.put({ name: key.database, defaultTableGroup: key.tableGroup, cells: [cell] }, patience);
    await directory.tableGroups.put({ database: key.database, name: key.tableGroup }, patience);
    await directory.shards.put({ key, keyRange: {} }, patience);
    return `cell ${cell}`;
  } catch (error) {
    throw error instanceof TopologyError ? topologyFailed(error) : error;
  } finally {
    topology.close();
  }
}

function topologyFailed(error: TopologyError): CliError {
  if (error.code !== 'full') return new CliError(`cannot write to etcd: ${error.message}`, { cause: error });
  return new CliError('etcd is out of space', {
    hint: 'Free space on the disk of its data directory; then compact and defragment it and disarm its alarm.',
    cause: error,
  });
}
