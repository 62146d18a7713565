import type { Endpoint } from '@multigres/core';
import { etcdTopology, hostWorld } from '@multigres/host';
import { Directory, TopologyError } from '@multigres/topology';
import { CliError } from '../errors.ts';
import { cell } from './cluster.ts';
import { etcdHost } from './etcd.ts';
import type { ClusterRecord } from './record.ts';

/** Runs `work` with the records of a local cluster's etcd. Trouble with the store is told as a CliError. */
export async function withDirectory<T>(record: ClusterRecord, work: (directory: Directory) => Promise<T>): Promise<T> {
  const world = hostWorld({ log: { level: 'error' } });
  const member: Endpoint = { kind: 'tcp', host: etcdHost, port: record.etcd.clientPort };
  const topology = etcdTopology(world, { global: [member], cells: { [cell]: [member] } });
  try {
    return await work(new Directory(world, topology));
  } catch (error) {
    throw error instanceof TopologyError ? topologyFailed(error) : error;
  } finally {
    topology.close();
  }
}

function topologyFailed(error: TopologyError): CliError {
  if (error.code !== 'full') return new CliError(`cannot ask etcd: ${error.message}`, { cause: error });
  return new CliError('etcd is out of space', {
    hint: 'Free space on the disk of its data directory; then compact and defragment it and disarm its alarm.',
    cause: error,
  });
}
