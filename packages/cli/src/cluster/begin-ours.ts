import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { ServingState } from '@multigres/rpc';
import { CliError } from '../errors.ts';
import { beginComponent, silent, type Start } from './begin-component.ts';
import { gatewayStatus, orchAnswers, pgctldAnswers, poolerStatus } from './calls.ts';
import {
  etcdDirectory,
  grpcSocket,
  memberDirectory,
  nodeDirectory,
  nodeNames,
  type Cluster,
  type Tools,
} from './cluster.ts';
import { etcdOf, gatewayOf, orchOf, pgctldOf, poolerOf } from './component-specs.ts';
import type { Readiness } from './component.ts';
import { etcdHealth, etcdTrouble } from './etcd.ts';
import { portInUse } from './plan.ts';
import { isShard, type EtcdRecord, type GatewayRecord, type NodeRecord, type OrchestratorRecord } from './record.ts';
import { runningServer } from './stop-postgres.ts';
import { makeOwned } from './unprivileged.ts';

export function beginEtcd(start: Start, etcd: EtcdRecord, tools: Tools): Promise<string> {
  const { cluster } = start;
  const place = etcdDirectory(cluster, etcd);
  makeOwned(place, cluster.account);
  makeOwned(path.join(place, 'data'), cluster.account);
  const look = async (): Promise<Readiness> => {
    const health = await etcdHealth(etcd.clientPort);
    if (health.kind === 'sick' && health.hint !== undefined) throw new CliError(health.reason, { hint: health.hint });
    if (health.kind === 'healthy') return 'ready';
    return health.kind === 'sick' ? { notYet: health.reason } : silent;
  };
  return beginComponent(start, etcdOf(cluster, etcd, tools), look, etcdTrouble);
}

/** The user who runs Postgres must get through to its data directory beside. */
function makeMemberDirectory(cluster: Cluster, node: NodeRecord): void {
  mkdirSync(nodeDirectory(cluster, node), { recursive: true, mode: 0o755 });
  mkdirSync(memberDirectory(cluster, node), { recursive: true, mode: 0o700 });
}

export function beginPgctld(start: Start, node: NodeRecord, tools: Tools): Promise<string> {
  const { cluster } = start;
  const { pgctld, postgres } = nodeNames(node);
  const socket = grpcSocket(cluster.folder, pgctld);
  // A member's Postgres is started by its pooler.
  if (isShard(cluster.record) && runningServer(cluster, node) === undefined) start.log.started.add(postgres);
  const look = async (): Promise<Readiness> => ((await pgctldAnswers(socket)) ? 'ready' : silent);
  return beginComponent(start, pgctldOf(cluster, node, tools), look);
}

/** A single Postgres's pooler is ready when it serves; a shard's when it answers: who serves is for the orchestrators to decide. */
export function beginPooler(start: Start, node: NodeRecord): Promise<string> {
  const { cluster } = start;
  if (isShard(cluster.record)) makeMemberDirectory(cluster, node);
  const look = async (): Promise<Readiness> => {
    const status = await poolerStatus(grpcSocket(cluster.folder, nodeNames(node).pooler));
    if (status === undefined) return silent;
    if (isShard(cluster.record) || status.serving === ServingState.SERVING) return 'ready';
    return { notYet: status.servingReason };
  };
  return beginComponent(start, poolerOf(cluster, node), look);
}

export function beginOrch(start: Start, orch: OrchestratorRecord): Promise<string> {
  const { cluster } = start;
  const look = async (): Promise<Readiness> =>
    (await orchAnswers(grpcSocket(cluster.folder, orch.name))) ? 'ready' : silent;
  return beginComponent(start, orchOf(cluster, orch), look);
}

/** Ready when it has a pooler to send queries to; in a shard, when it takes sessions: they wait for the leader. */
export function beginGateway(start: Start, gateway: GatewayRecord): Promise<string> {
  const { cluster } = start;
  const look = async (): Promise<Readiness> => {
    const status = await gatewayStatus(grpcSocket(cluster.folder, gateway.name));
    if (status === undefined) return silent;
    if (isShard(cluster.record)) return 'ready';
    if (!status.accepting) return { notYet: 'it takes no sessions' };
    if (status.poolers.some(({ eligible }) => eligible)) return 'ready';
    return { notYet: status.poolers[0]?.reason ?? 'it knows no pooler' };
  };
  return beginComponent(start, gatewayOf(cluster, gateway), look, (log) =>
    /EADDRINUSE|address already in use/i.test(log.join('\n')) ? portInUse(gateway.port, false) : undefined,
  );
}
