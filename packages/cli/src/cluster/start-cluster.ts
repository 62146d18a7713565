import path from 'node:path';
import { ensureTool } from '@multigres/host';
import { ServingState } from '@multigres/rpc';
import { CliError } from '../errors.ts';
import { gatewayStatus, pgctldAnswers, poolerStatus, withPgctld } from './calls.ts';
import { changePassword } from './change-password.ts';
import { checkConnection } from './check-connection.ts';
import { etcdDirectory, etcdOf, gatewayOf, main, pgctldOf, poolerOf, type Cluster, type Tools } from './cluster.ts';
import { warmCompileCache } from './compile-cache.ts';
import {
  isComponentAlive,
  readComponent,
  startComponent,
  stopComponent,
  waitUntilReady,
  type ComponentSpec,
  type Readiness,
  type Trouble,
} from './component.ts';
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
  /** Made now: data that was there before has another one. */
  readonly isNewPassword: boolean;
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
    {
      title: 'etcd',
      run: async () => {
        const warm = warmCompileCache(main, 'gateway');
        const said = await startEtcd(start, found());
        await warm;
        return said;
      },
    },
    { title: 'topology', run: () => prepareTopology(cluster.record) },
    { title: 'pgctld', run: () => startPgctld(start, found()) },
    { title: 'postgres', run: () => startPostgres(start, found().postgres.bin) },
    { title: 'pooler', run: () => startPooler(start) },
    { title: 'gateway', run: () => startGateway(start) },
    { title: 'first query', run: () => checkConnection(cluster, start.password, found().postgres.bin, signal) },
  ];
}

/** Starts it unless it runs, and waits until it is ready. */
async function begin(
  start: Start,
  spec: ComponentSpec,
  look: () => Promise<Readiness>,
  explain?: (log: readonly string[]) => Trouble | undefined,
): Promise<string> {
  const { folder } = start.cluster;
  start.signal.throwIfAborted();
  if (isComponentAlive(readComponent(folder, spec.name))) {
    if ((await look()) === 'ready') return `${spec.endpoint} (ran already)`;
    await stopComponent(folder, spec.name, 10_000);
  }
  const started = await startComponent(folder, spec);
  start.log.started.add(spec.name);
  await waitUntilReady(started, look, { deadlineMs: readyMs, signal: start.signal }, explain);
  return spec.endpoint;
}

const silent: Readiness = { notYet: 'it does not answer' };

async function startEtcd(start: Start, tools: Tools): Promise<string> {
  const { cluster } = start;
  const place = etcdDirectory(cluster);
  makeOwned(place, cluster.account);
  makeOwned(path.join(place, 'data'), cluster.account);
  const look = async (): Promise<Readiness> => {
    const health = await etcdHealth(cluster.record.etcd.clientPort);
    if (health.kind === 'sick' && health.hint !== undefined) throw new CliError(health.reason, { hint: health.hint });
    if (health.kind === 'healthy') return 'ready';
    return health.kind === 'sick' ? { notYet: health.reason } : silent;
  };
  return begin(start, etcdOf(cluster, tools), look, etcdTrouble);
}

async function startPgctld(start: Start, tools: Tools): Promise<string> {
  const { folder } = start.cluster;
  const look = async (): Promise<Readiness> => ((await pgctldAnswers(folder)) ? 'ready' : silent);
  return begin(start, pgctldOf(start.cluster, tools), look);
}

async function startPostgres(start: Start, bin: string): Promise<string> {
  const { folder } = start.cluster;
  return withPgctld(folder, async (pgctld) => {
    const { created } = await orAborted(pgctld.initDb({}, { deadlineMs: 180_000 }), start.signal);
    start.log.startedPostgres = true;
    const { status } = await orAborted(pgctld.start({}, { deadlineMs: 90_000 }), start.signal);
    if (start.isNewPassword && !created) await changePassword(start.cluster, start.password, bin);
    return `127.0.0.1:${status?.port ?? 0}${created ? ' (new data directory)' : ''}`;
  });
}

/** The user need not wait for an answer that no longer matters. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

async function startPooler(start: Start): Promise<string> {
  const { folder } = start.cluster;
  const look = async (): Promise<Readiness> => {
    const status = await poolerStatus(folder);
    if (status === undefined) return silent;
    return status.serving === ServingState.SERVING ? 'ready' : { notYet: status.servingReason };
  };
  return begin(start, poolerOf(start.cluster), look);
}

async function startGateway(start: Start): Promise<string> {
  const { folder, record } = start.cluster;
  const look = async (): Promise<Readiness> => {
    const status = await gatewayStatus(folder);
    if (status === undefined) return silent;
    if (!status.accepting) return { notYet: 'it takes no sessions' };
    if (status.poolers.some(({ eligible }) => eligible)) return 'ready';
    return { notYet: status.poolers[0]?.reason ?? 'it knows no pooler' };
  };
  return begin(start, gatewayOf(start.cluster), look, (log) =>
    /EADDRINUSE|address already in use/i.test(log.join('\n')) ? portInUse(record.gateway.port, false) : undefined,
  );
}
