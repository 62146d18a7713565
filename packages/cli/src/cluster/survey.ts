import { statfsSync } from 'node:fs';
import path from 'node:path';
import { ServerState, ServingState } from '@multigres/rpc';
import { shardView, type AskedPooler } from '../shard/shard-view.ts';
import { memberOf } from './ask-nodes.ts';
import { gatewayStatus, orchAnswers, poolerStatus, postgresState } from './calls.ts';
import { globalEtcd, grpcSocket, localHost, nodeNames, type Cluster } from './cluster.ts';
import { isComponentAlive, readComponent } from './component.ts';
import { etcdHealth, etcdTrouble } from './etcd.ts';
import { logFile, type ComponentName, type Folder } from './folder.ts';
import { logTail } from './log-tail.ts';
import type { ClusterRecord, EtcdRecord, NodeRecord } from './record.ts';
import { runningServer } from './stop-postgres.ts';

export type ComponentState = 'running' | 'starting' | 'unhealthy' | 'crashed' | 'stopped';

/** One row of `status`. */
export interface ComponentSurvey {
  readonly name: ComponentName;
  readonly cell: string | undefined;
  readonly state: ComponentState;
  readonly pid: number | undefined;
  readonly endpoint: string | undefined;
  readonly version: string | undefined;
  readonly sinceMs: number | undefined;
  /** Why it is not simply running, and what to do. */
  readonly reason: string | undefined;
}

export type ClusterState = 'running' | 'degraded' | 'stopped';

type Opinion = { readonly state: ComponentState; readonly reason?: string | undefined };

/** Asks every component how it is. Nothing is changed. */
export async function survey(cluster: Cluster): Promise<readonly ComponentSurvey[]> {
  const { folder, record } = cluster;
  const one = (
    name: ComponentName,
    cell: string | undefined,
    opinion: () => Promise<Opinion>,
  ): Promise<ComponentSurvey> => surveyOne(folder, name, cell, opinion);
  const nodes = record.nodes.map((node) => ({ node, names: nodeNames(node) }));
  return Promise.all([
    ...record.etcds.map((etcd) => one(etcd.name, cellOf(record, etcd), () => etcdOpinion(etcd))),
    ...nodes.map(({ node, names }) => one(names.pgctld, node.cell, () => pgctldOpinion(folder, names.pgctld))),
    ...nodes.map(({ node }) => surveyPostgres(cluster, node)),
    ...nodes.map(({ node, names }) => one(names.pooler, node.cell, () => poolerOpinion(folder, node))),
    ...record.orchestrators.map(({ name, cell }) => one(name, cell, () => orchOpinion(folder, name))),
    ...record.gateways.map(({ name, cell }) => one(name, cell, () => gatewayOpinion(folder, name))),
  ]);
}

/** The cell whose records an etcd keeps alone; undefined for the one that keeps what all share. */
function cellOf(record: ClusterRecord, etcd: EtcdRecord): string | undefined {
  return etcd === globalEtcd(record) ? undefined : record.cells.find((cell) => cell.etcd === etcd.name)?.name;
}

const silent: Opinion = { state: 'unhealthy', reason: 'does not answer' };

export function stateOf(components: readonly ComponentSurvey[]): ClusterState {
  if (components.every(({ state }) => state === 'running')) return 'running';
  return components.every(({ state }) => state === 'stopped') ? 'stopped' : 'degraded';
}

async function surveyOne(
  folder: Folder,
  name: ComponentName,
  cell: string | undefined,
  opinion: () => Promise<Opinion>,
): Promise<ComponentSurvey> {
  const component = readComponent(folder, name);
  const known = { name, cell, endpoint: component?.endpoint, version: component?.version };
  const logFrom = component?.logFrom ?? 0;
  if (!isComponentAlive(component)) {
    const crashed = component !== undefined;
    const reason = crashed ? deathReason(folder, name, logFrom) : undefined;
    return { ...known, state: crashed ? 'crashed' : 'stopped', pid: undefined, sinceMs: undefined, reason };
  }
  const { state, reason } = await opinion();
  return { ...known, state, pid: component.pid, sinceMs: component.startedMs, reason };
}

/** A full disk may have kept it from saying so. */
function isDiskFull(file: string): boolean {
  const { bavail, bsize } = statfsSync(path.dirname(file));
  return bavail * bsize < 1_048_576;
}

const complaint = /"level":"(?:error|fatal|panic)"|^panic:|^multigres:/;

/** What it said against its end, in this life of it. */
function deathReason(folder: Folder, name: ComponentName, logFrom: number): string {
  const file = logFile(folder, name);
  const log = logTail(file, logFrom, 200);
  const known = name.startsWith('etcd') ? etcdTrouble(log).message : undefined;
  const said = known ?? log.findLast((line) => complaint.test(line));
  if (said !== undefined) return said;
  return isDiskFull(file) ? 'the disk is full' : `it has ended without a word; its log is ${file}`;
}

async function etcdOpinion({ clientPort }: EtcdRecord): Promise<Opinion> {
  const health = await etcdHealth(clientPort);
  if (health.kind === 'healthy') return { state: 'running' };
  if (health.kind === 'silent') return silent;
  return { state: 'unhealthy', reason: health.hint === undefined ? health.reason : `${health.reason}. ${health.hint}` };
}

async function pgctldOpinion(folder: Folder, name: string): Promise<Opinion> {
  return (await postgresState(grpcSocket(folder, name))) === undefined ? silent : { state: 'running' };
}

async function orchOpinion(folder: Folder, name: string): Promise<Opinion> {
  return (await orchAnswers(grpcSocket(folder, name))) ? { state: 'running' } : silent;
}

async function poolerOpinion(folder: Folder, node: NodeRecord): Promise<Opinion> {
  const status = await poolerStatus(grpcSocket(folder, nodeNames(node).pooler));
  if (status === undefined) return silent;
  if (status.member !== undefined) return memberOpinion({ id: memberOf(node), status });
  if (status.serving === ServingState.SERVING) return { state: 'running' };
  const state = status.serving === ServingState.STARTING ? 'starting' : 'unhealthy';
  return { state, reason: status.servingReason || 'not serving' };
}

/** A follower does not serve writes, and is as it should be. */
function memberOpinion(asked: AskedPooler): Opinion {
  const [member] = shardView([asked]).members;
  if (member === undefined || member.health === 'healthy') return { state: 'running' };
  return { state: member.health === 'busy' ? 'starting' : 'unhealthy', reason: member.reason };
}

async function gatewayOpinion(folder: Folder, name: string): Promise<Opinion> {
  const status = await gatewayStatus(grpcSocket(folder, name));
  if (status === undefined) return silent;
  if (!status.accepting) return { state: 'unhealthy', reason: 'takes no new sessions' };
  if (status.poolers.some(({ eligible }) => eligible)) return { state: 'running' };
  return { state: 'unhealthy', reason: status.poolers[0]?.reason || 'knows no pooler to send queries to' };
}

const postgresStates: Readonly<Record<number, ComponentState>> = {
  [ServerState.RUNNING]: 'running',
  [ServerState.STARTING]: 'starting',
  [ServerState.STOPPING]: 'unhealthy',
  [ServerState.CRASHED]: 'crashed',
  [ServerState.STOPPED]: 'stopped',
  [ServerState.NOT_INITIALIZED]: 'stopped',
};

async function surveyPostgres(cluster: Cluster, node: NodeRecord): Promise<ComponentSurvey> {
  const { pgctld, postgres: name } = nodeNames(node);
  const status = await postgresState(grpcSocket(cluster.folder, pgctld));
  const known = { name, cell: node.cell, endpoint: `${localHost}:${node.postgresPort}` } as const;
  if (status === undefined) {
    const pid = runningServer(cluster, node)?.pid;
    const state = pid === undefined ? 'stopped' : 'running';
    return { ...known, state, pid, version: undefined, sinceMs: undefined, reason: undefined };
  }
  return {
    ...known,
    state: postgresStates[status.state] ?? 'unhealthy',
    pid: status.pid === 0 ? undefined : status.pid,
    version: status.version.split(' ')[0],
    sinceMs: status.startedMs === 0n ? undefined : Number(status.startedMs),
    reason: undefined,
  };
}
