import path from 'node:path';
import type { ComponentSpec } from './component.ts';
import { superuser } from './connection-string.ts';
import {
  etcdDirectory,
  etcdOfCell,
  globalEtcd,
  grpcSocket,
  identityOf,
  linkedGrpcSocket,
  linkedRelaySocket,
  localHost,
  main,
  memberDirectory,
  nodeNames,
  postgresDirectory,
  postgresSocket,
  postgresSocketDirectory,
  relaySocket,
  type Cluster,
  type Tools,
} from './cluster.ts';
import { etcdSpec } from './etcd.ts';
import {
  isShard,
  type ClusterRecord,
  type EtcdRecord,
  type GatewayRecord,
  type NodeRecord,
  type OrchestratorRecord,
} from './record.ts';

const version = '0.1.0';

const etcdUrl = ({ clientPort }: EtcdRecord): string => `http://${localHost}:${clientPort}`;

/** In which cell a component is, and where the records are. */
function topologyArgs(record: ClusterRecord, cellName: string): readonly string[] {
  const cell = record.cells.find(({ name }) => name === cellName);
  const own = cell === undefined ? globalEtcd(record) : etcdOfCell(record, cell);
  return [
    ...['--cell', cellName, '--cluster-id', record.clusterId],
    ...['--topology-global', etcdUrl(globalEtcd(record)), '--topology-cell', etcdUrl(own)],
  ];
}

type Command = 'pgctld' | 'pooler' | 'orch' | 'gateway';

function ourSpec(command: Command, name: string, endpoint: string, args: readonly string[]): ComponentSpec {
  return { name, program: process.execPath, args: [...process.execArgv, main, command, ...args], version, endpoint };
}

export function etcdOf(cluster: Cluster, etcd: EtcdRecord, tools: Tools): ComponentSpec {
  return etcdSpec({
    ...etcd,
    program: tools.etcd.bin,
    version: tools.etcd.version,
    dataDirectory: path.join(etcdDirectory(cluster, etcd), 'data'),
    runAs: cluster.account,
  });
}

export function pgctldOf(cluster: Cluster, node: NodeRecord, tools: Tools): ComponentSpec {
  const { folder, record, account } = cluster;
  const { pgctld } = nodeNames(node);
  const grpc = grpcSocket(folder, pgctld);
  return ourSpec('pgctld', pgctld, grpc, [
    ...['--id', `pg${node.suffix || '-1'}`, '--directory', postgresDirectory(cluster, node)],
    ...['--bin-directory', tools.postgres.bin, '--socket-directory', postgresSocketDirectory(cluster)],
    ...['--port', String(node.postgresPort), '--listen-addresses', localHost],
    ...['--password-file', folder.password, '--grpc', grpc, '--keep-running'],
    ...(isShard(record) ? ['--member', '--replication-password-file', folder.replicationPassword] : []),
    ...(account === undefined ? [] : ['--run-as', `${account.uid}:${account.gid}`]),
  ]);
}

export function poolerOf(cluster: Cluster, node: NodeRecord): ComponentSpec {
  const { folder, record } = cluster;
  const { pooler, pgctld } = nodeNames(node);
  const relay = relaySocket(folder, node);
  return ourSpec('pooler', pooler, relay, [
    ...['--id', identityOf(pooler), '--relay', relay, '--grpc', grpcSocket(folder, pooler)],
    ...['--postgres', postgresSocket(cluster, node), '--admin-user', superuser, ...topologyArgs(record, node.cell)],
    ...(isShard(record)
      ? [
          ...['--member-directory', memberDirectory(cluster, node), '--pgctld', grpcSocket(folder, pgctld)],
          ...['--postgres-address', `${localHost}:${node.linkPort ?? node.postgresPort}`],
          ...['--replication-password-file', folder.replicationPassword],
        ]
      : []),
    ...(node.linkPort === undefined
      ? []
      : [
          ...['--advertise-relay', linkedRelaySocket(folder, node)],
          ...['--advertise-grpc', linkedGrpcSocket(folder, pooler)],
        ]),
  ]);
}

export function orchOf({ folder, record }: Cluster, orch: OrchestratorRecord): ComponentSpec {
  const grpc = grpcSocket(folder, orch.name);
  return ourSpec('orch', orch.name, grpc, ['--id', orch.name, '--grpc', grpc, ...topologyArgs(record, orch.cell)]);
}

export function gatewayOf({ folder, record }: Cluster, gateway: GatewayRecord): ComponentSpec {
  const listen = `${gateway.host}:${gateway.port}`;
  return ourSpec('gateway', gateway.name, listen, [
    ...['--id', identityOf(gateway.name), '--listen', listen, '--grpc', grpcSocket(folder, gateway.name)],
    ...['--auth', record.auth, '--drain-timeout', '10s', ...topologyArgs(record, gateway.cell)],
  ]);
}
