import { rmSync } from 'node:fs';
import path from 'node:path';
import { ensureTool } from '@multigres/host';
import { ServingState } from '@multigres/rpc';
import { CliError } from '../errors.ts';
import { gatewayStatus, poolerStatus, postgresState, withPgctld } from './calls.ts';
import { checkConnection } from './check-connection.ts';
import { etcdDirectory, etcdOf, gatewayOf, pgctldOf, poolerOf, sockets, type Cluster, type Tools } from './cluster.ts';
import { isComponentAlive, readComponent, startComponent, waitUntilReady, type ComponentSpec } from './component.ts';
import { etcdHealth, etcdTrouble } from './etcd.ts';
import type { ComponentName } from './folder.ts';
import { portInUse } from './plan.ts';
import type { Step } from './steps.ts';
import { prepareTopology } from './topology.ts';
import { makeOwned } from './unprivileged.ts';

const readyMs = 30_000;

/** What a start has begun, so that it can be undone. */
export interface StartLog {
  readonly started: Set<ComponentName>;
  startedPostgres: boolean;
}

interface Start {
  readonly cluster: Cluster;
  readonly password: string;
  readonly signal: AbortSignal;
  readonly log: StartLog;
}

/** From the inside outward: each is ready before the next one, which needs it, is started. What runs already is left alone. */
export function startSteps(start: Start): readonly Step[] {
  const { cluster, signal } = start;
  let tools: Tools | undefined;
  const found = (): Tools => {
    if (tools === undefined) throw new CliError('the programs have not been looked for');
    return tools;
  };
  return [
    {
      title: 'programs',
      run: async (report) => {
        tools = { postgres: await ensureTool('postgres-17', report), etcd: await ensureTool('etcd', report) };
        signal.throwIfAborted();
        return `PostgreSQL ${tools.postgres.version}, etcd ${tools.etcd.version}`;
      },
    },
    { title: 'etcd', run: () => startEtcd(start, found()) },
    { title: 'topology', run: () => prepareTopology(cluster.record) },
    { title: 'pgctld', run: () => startPgctld(start, found()) },
    { title: 'postgres', run: () => startPostgres(start) },
    { title: 'pooler', run: () => startPooler(start) },
    { title: 'gateway', run: () => startGateway(start) },
    { title: 'first query', run: () => checkConnection(cluster.record, start.password, found().postgres.bin, signal) },
  ];
}

/** Starts it unless it runs, and waits until it is ready. */
async function begin(
  start: Start,
  spec: ComponentSpec,
  isReady: () => Promise<boolean>,
  why?: Parameters<typeof waitUntilReady>[3],
): Promise<string> {
  const { folder } = start.cluster;
  start.signal.throwIfAborted();
  if (isComponentAlive(readComponent(folder, spec.name)) && (await isReady())) return `${spec.endpoint} (ran already)`;
  const started = await startComponent(folder, spec);
  start.log.started.add(spec.name);
  await waitUntilReady(started, isReady, { deadlineMs: readyMs, signal: start.signal }, why);
  return spec.endpoint;
}

async function startEtcd(start: Start, tools: Tools): Promise<string> {
  const { cluster } = start;
  const place = etcdDirectory(cluster);
  makeOwned(place, cluster.account);
  makeOwned(path.join(place, 'data'), cluster.account);
  const isReady = async (): Promise<boolean> => {
    const health = await etcdHealth(cluster.record.etcd.clientPort);
    if (health.kind === 'sick' && health.hint !== undefined) throw new CliError(health.reason, { hint: health.hint });
    return health.kind === 'healthy';
  };
  return begin(start, etcdOf(cluster, tools), isReady, etcdTrouble);
}

async function startPgctld(start: Start, tools: Tools): Promise<string> {
  const { folder } = start.cluster;
  if (!isComponentAlive(readComponent(folder, 'pgctld'))) rmSync(sockets.pgctld(folder), { force: true });
  return begin(start, pgctldOf(start.cluster, tools), async () => (await postgresState(folder)) !== undefined);
}

async function startPostgres(start: Start): Promise<string> {
  const { folder } = start.cluster;
  return withPgctld(folder, async (pgctld) => {
    const { created } = await pgctld.initDb({}, { deadlineMs: 180_000 });
    start.signal.throwIfAborted();
    start.log.startedPostgres = true;
    const { status } = await pgctld.start({}, { deadlineMs: 90_000 });
    start.signal.throwIfAborted();
    return `127.0.0.1:${status?.port ?? 0}${created ? ' (new data directory)' : ''}`;
  });
}

async function startPooler(start: Start): Promise<string> {
  const { folder } = start.cluster;
  const isReady = async (): Promise<boolean> => (await poolerStatus(folder))?.serving === ServingState.SERVING;
  return begin(start, poolerOf(start.cluster), isReady);
}

async function startGateway(start: Start): Promise<string> {
  const { folder, record } = start.cluster;
  const isReady = async (): Promise<boolean> => {
    const status = await gatewayStatus(folder);
    return status?.accepting === true && status.poolers.some(({ eligible }) => eligible);
  };
  return begin(start, gatewayOf(start.cluster), isReady, (log) =>
    /EADDRINUSE|address already in use|in use/i.test(log.join('\n'))
      ? portInUse(record.gateway.port, false)
      : undefined,
  );
}
