import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tool } from '@multigres/host';
import type { ComponentSpec } from './component.ts';
import { superuser } from './connection-string.ts';
import { etcdHost, etcdSpec } from './etcd.ts';
import { socketFile, type Folder } from './folder.ts';
import type { ClusterRecord } from './record.ts';
import type { Account } from './unprivileged.ts';

export const cell = 'local';

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

export const version = '0.1.0';

const dataRoot = ({ folder, record }: Cluster): string => record.dataElsewhere ?? folder.root;

/** pgctld's directory; Postgres's data directory is `data` inside. */
export const postgresDirectory = (cluster: Cluster): string => path.join(dataRoot(cluster), 'postgres');

export const etcdDirectory = (cluster: Cluster): string => path.join(dataRoot(cluster), 'etcd');

/** Where the user who runs Postgres can make a socket: not in a folder that only root may enter. */
export function postgresSocketDirectory({ folder, record }: Cluster): string {
  return record.dataElsewhere === undefined
    ? path.join(folder.sockets, 'postgres')
    : path.join(record.dataElsewhere, 'sockets');
}

export const postgresSocket = (cluster: Cluster): string =>
  path.join(postgresSocketDirectory(cluster), `.s.PGSQL.${cluster.record.postgresPort}`);

/** Socket files of our own services. */
export const sockets = {
  pgctld: (folder: Folder): string => socketFile(folder, 'pgctld'),
  pooler: (folder: Folder): string => socketFile(folder, 'pooler'),
  relay: (folder: Folder): string => socketFile(folder, 'relay'),
  gateway: (folder: Folder): string => socketFile(folder, 'gateway'),
} as const;

/** One etcd keeps what all cells share, and what the only cell knows. */
const topologyArgs = (record: ClusterRecord): readonly string[] => {
  const url = `http://${etcdHost}:${record.etcd.clientPort}`;
  return ['--topology-global', url, '--topology-cell', url];
};

function ourSpec(name: ComponentSpec['name'], endpoint: string, args: readonly string[]): ComponentSpec {
  return { name, program: process.execPath, args: [...process.execArgv, main, name, ...args], version, endpoint };
}

export function etcdOf(cluster: Cluster, tools: Tools): ComponentSpec {
  const { record, account } = cluster;
  return etcdSpec({
    program: tools.etcd.bin,
    version: tools.etcd.version,
    dataDirectory: path.join(etcdDirectory(cluster), 'data'),
    runAs: account,
    ...record.etcd,
  });
}

export function pgctldOf(cluster: Cluster, tools: Tools): ComponentSpec {
  const { folder, record, account } = cluster;
  const grpc = sockets.pgctld(folder);
  return ourSpec('pgctld', grpc, [
    ...['--id', 'pg-1', '--directory', postgresDirectory(cluster)],
    ...['--bin-directory', tools.postgres.bin, '--socket-directory', postgresSocketDirectory(cluster)],
    ...['--port', String(record.postgresPort), '--listen-addresses', etcdHost],
    ...['--password-file', folder.password, '--grpc', grpc, '--keep-running'],
    ...(account === undefined ? [] : ['--run-as', `${account.uid}:${account.gid}`]),
  ]);
}

export function poolerOf(cluster: Cluster): ComponentSpec {
  const { folder, record } = cluster;
  return ourSpec('pooler', sockets.relay(folder), [
    ...['--id', 'pooler-1', '--cell', cell, '--relay', sockets.relay(folder), '--grpc', sockets.pooler(folder)],
    ...['--postgres', postgresSocket(cluster), '--admin-user', superuser, ...topologyArgs(record)],
  ]);
}

export function gatewayOf(cluster: Cluster): ComponentSpec {
  const { folder, record } = cluster;
  const listen = `${record.gateway.host}:${record.gateway.port}`;
  return ourSpec('gateway', listen, [
    ...['--id', 'gateway-1', '--cell', cell, '--listen', listen, '--grpc', sockets.gateway(folder)],
    ...['--auth', record.auth, '--drain-timeout', '10s', ...topologyArgs(record)],
  ]);
}
