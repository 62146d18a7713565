import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tool } from '@multigres/host';
import { socketFile, type Folder } from './folder.ts';
import type { CellRecord, ClusterRecord, EtcdRecord, NodeRecord } from './record.ts';
import type { Account } from './unprivileged.ts';

/** All of a local cluster listens, and is dialled, on this machine only. Gateways may listen elsewhere, too. */
export const localHost = '127.0.0.1';

export interface Tools {
  readonly postgres: Tool;
  readonly etcd: Tool;
}

/** A cluster's places and choices. */
export interface Cluster {
  readonly folder: Folder;
  readonly record: ClusterRecord;
  readonly account: Account | undefined;
}

/** The program that all our processes are. */
export const main: string = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url),
);

const dataRoot = ({ folder, record }: Cluster): string => record.dataElsewhere ?? folder.root;

/** All that must be on one volume beside one Postgres. */
export const nodeDirectory = (cluster: Cluster, { suffix }: NodeRecord): string =>
  suffix === '' ? dataRoot(cluster) : path.join(dataRoot(cluster), `node${suffix}`);

/** pgctld's directory; Postgres's data directory is `data` inside. */
export const postgresDirectory = (cluster: Cluster, node: NodeRecord): string =>
  path.join(nodeDirectory(cluster, node), 'postgres');

/** Where a member of a shard keeps its promises: on the volume of the data directory, not inside it. */
export const memberDirectory = (cluster: Cluster, node: NodeRecord): string =>
  path.join(nodeDirectory(cluster, node), 'member');

export const etcdDirectory = (cluster: Cluster, etcd: EtcdRecord): string => path.join(dataRoot(cluster), etcd.name);

/** Where the user who runs Postgres can make a socket: not in a folder that only root may enter. */
export function postgresSocketDirectory({ folder, record }: Cluster): string {
  return record.dataElsewhere === undefined
    ? path.join(folder.sockets, 'postgres')
    : path.join(record.dataElsewhere, 'sockets');
}

export const postgresSocket = (cluster: Cluster, node: NodeRecord): string =>
  path.join(postgresSocketDirectory(cluster), `.s.PGSQL.${node.postgresPort}`);

/** The names of what stands beside one Postgres, and Postgres's own. */
export function nodeNames({ suffix }: NodeRecord): NodeNames {
  return { pgctld: `pgctld${suffix}`, postgres: `postgres${suffix}`, pooler: `pooler${suffix}` };
}

export interface NodeNames {
  readonly pgctld: string;
  readonly postgres: string;
  readonly pooler: string;
}

/** The name of a component in the topology and in logs, where the only one of a single server is the first. */
export const identityOf = (component: string): string => (/-[^-]+$/.test(component) ? component : `${component}-1`);

/** The socket of a component's gRPC services. */
export const grpcSocket = (folder: Folder, component: string): string => socketFile(folder, component);

/** The socket on which a pooler takes queries. */
export const relaySocket = (folder: Folder, node: NodeRecord): string => socketFile(folder, `relay${node.suffix}`);

/** Their doubles, where links can be hurt. */
export const linkedGrpcSocket = (folder: Folder, component: string): string => socketFile(folder, `link-${component}`);
export const linkedRelaySocket = (folder: Folder, node: NodeRecord): string =>
  socketFile(folder, `link-relay${node.suffix}`);

export function etcdNamed(record: ClusterRecord, name: string): EtcdRecord {
  const found = record.etcds.find((etcd) => etcd.name === name);
  if (found === undefined) throw new Error(`there is no etcd ${name}`);
  return found;
}

/** The one that keeps what all cells share. */
export const globalEtcd = (record: ClusterRecord): EtcdRecord => record.etcds[0] as EtcdRecord;

export const etcdOfCell = (record: ClusterRecord, cell: CellRecord): EtcdRecord => etcdNamed(record, cell.etcd);

/** Names of all components, in the order in which they are started. */
export function componentNames(record: ClusterRecord): readonly string[] {
  const nodes = record.nodes.map((node) => nodeNames(node));
  return [
    ...record.etcds.map(({ name }) => name),
    ...nodes.map(({ pgctld }) => pgctld),
    ...nodes.map(({ pooler }) => pooler),
    ...record.orchestrators.map(({ name }) => name),
    ...record.gateways.map(({ name }) => name),
  ];
}

/** The shard that a local cluster keeps: all tables of all databases. */
export const localShard = { database: 'postgres', tableGroup: 'default', shard: '0' } as const;

/**
 * What is a quorum in a new cluster: two copies in two cells, because a cell is what fails as a whole. With one member in each of three cells that is
 * any two members; it stays right when a cell gets a second one.
 */
export const localPolicy = { name: 'MULTI_CELL_AT_LEAST_N', n: 2 } as const;
