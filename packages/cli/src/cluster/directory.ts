import type { Endpoint } from '@multigres/core';
import { etcdTopology, hostWorld } from '@multigres/host';
import { Directory, identified, TopologyError } from '@multigres/topology';
import { CliError } from '../errors.ts';
import { etcdOfCell, globalEtcd, localHost } from './cluster.ts';
import type { ClusterRecord, EtcdRecord } from './record.ts';

/** Runs `work` with the records of a local cluster's etcd. Trouble with the store is told as a CliError. */
export async function withDirectory<T>(record: ClusterRecord, work: (directory: Directory) => Promise<T>): Promise<T> {
  const world = hostWorld({ log: { level: 'error' } });
  const member = ({ clientPort }: EtcdRecord): Endpoint => ({ kind: 'tcp', host: localHost, port: clientPort });
  const cells = record.cells.map((cell) => [cell.name, [member(etcdOfCell(record, cell))]] as const);
  const stores = etcdTopology(world, { global: [member(globalEtcd(record))], cells: Object.fromEntries(cells) });
  const topology = identified(stores, record.clusterId, { createdMs: () => world.clock.wallMs() });
  try {
    return await toldAsCliError(work(new Directory(world, topology)));
  } finally {
    topology.close();
  }
}

/** The same, with trouble of the store in words for people. */
export async function toldAsCliError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof TopologyError ? topologyFailed(error) : error;
  }
}

function topologyFailed(error: TopologyError): CliError {
  if (error.code === 'foreign') return new CliError(error.message, { cause: error });
  if (error.code !== 'full') return new CliError(`cannot ask etcd: ${error.message}`, { cause: error });
  return new CliError('etcd is out of space', {
    hint: 'Free space on the disk of its data directory; then compact and defragment it and disarm its alarm.',
    cause: error,
  });
}
