import { statfsSync } from 'node:fs';
import path from 'node:path';
import { ServerState, ServingState } from '@multigres/rpc';
import { gatewayStatus, poolerStatus, postgresState } from './calls.ts';
import { isComponentAlive, readComponent } from './component.ts';
import { etcdHealth, etcdTrouble } from './etcd.ts';
import { logFile, type ComponentName, type Folder } from './folder.ts';
import { logTail } from './log-tail.ts';
import type { Cluster } from './cluster.ts';
import type { ClusterRecord } from './record.ts';
import { runningServer } from './stop-postgres.ts';

export type ComponentState = 'running' | 'starting' | 'unhealthy' | 'crashed' | 'stopped';

/** One row of `status`. */
export interface ComponentSurvey {
  readonly name: ComponentName | 'postgres';
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
  const etcd = await surveyOne(folder, 'etcd', () => etcdOpinion(record));
  const pgctld = await surveyOne(folder, 'pgctld', async () => {
    return (await postgresState(folder)) === undefined ? silent : { state: 'running' };
  });
  const postgres = await surveyPostgres(cluster);
  const pooler = await surveyOne(folder, 'pooler', () => poolerOpinion(folder));
  const gateway = await surveyOne(folder, 'gateway', () => gatewayOpinion(folder));
  return [etcd, pgctld, postgres, pooler, gateway];
}

const silent: Opinion = { state: 'unhealthy', reason: 'does not answer' };

export function stateOf(components: readonly ComponentSurvey[]): ClusterState {
  if (components.every(({ state }) => state === 'running')) return 'running';
  return components.every(({ state }) => state === 'stopped') ? 'stopped' : 'degraded';
}

async function surveyOne(
  folder: Folder,
  name: ComponentName,
  opinion: () => Promise<Opinion>,
): Promise<ComponentSurvey> {
  const component = readComponent(folder, name);
  const known = { name, endpoint: component?.endpoint, version: component?.version };
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
  const known = name === 'etcd' ? etcdTrouble(log).message : undefined;
  const said = known ?? log.findLast((line) => complaint.test(line));
  if (said !== undefined) return said;
  return isDiskFull(file) ? 'the disk is full' : `it has ended without a word; its log is ${file}`;
}

async function etcdOpinion(record: ClusterRecord): Promise<Opinion> {
  const health = await etcdHealth(record.etcd.clientPort);
  if (health.kind === 'healthy') return { state: 'running' };
  if (health.kind === 'silent') return silent;
  return { state: 'unhealthy', reason: health.hint === undefined ? health.reason : `${health.reason}. ${health.hint}` };
}

async function poolerOpinion(folder: Folder): Promise<Opinion> {
  const status = await poolerStatus(folder);
  if (status === undefined) return silent;
  if (status.serving === ServingState.SERVING) return { state: 'running' };
  const state = status.serving === ServingState.STARTING ? 'starting' : 'unhealthy';
  return { state, reason: status.servingReason || 'not serving' };
}

async function gatewayOpinion(folder: Folder): Promise<Opinion> {
  const status = await gatewayStatus(folder);
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

async function surveyPostgres(cluster: Cluster): Promise<ComponentSurvey> {
  const { folder, record } = cluster;
  const status = await postgresState(folder);
  const known = { name: 'postgres', endpoint: `127.0.0.1:${record.postgresPort}` } as const;
  if (status === undefined) {
    const pid = runningServer(cluster)?.pid;
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
