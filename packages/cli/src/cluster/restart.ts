import { setTimeout as sleep } from 'node:timers/promises';
import { ensureTool } from '@multigres/host';
import { client, OrchService, StopMode } from '@multigres/rpc';
import { Command } from 'commander';
import { CliError, exitCode } from '../errors.ts';
import { shardState } from '../shard/shard-view.ts';
import type { Start } from './begin-component.ts';
import { beginEtcd, beginGateway, beginOrch, beginPgctld, beginPooler } from './begin-ours.ts';
import { withChannel, withPgctld } from './calls.ts';
import { askNodes } from './ask-nodes.ts';
import { grpcSocket, localShard, nodeNames, type Cluster, type Tools } from './cluster.ts';
import { lockCluster } from './cluster-lock.ts';
import { stopComponent } from './component.ts';
import type { ComponentName } from './folder.ts';
import { requiredCluster } from './existing-cluster.ts';
import { dirOption } from './options.ts';
import { isShard, type NodeRecord } from './record.ts';
import { runSteps, type Step } from './steps.ts';

const politeMs = 20_000;
const wholeMsMax = 60_000;
const lookMs = 100;
const restartMsMax = 100_000;

/** `multigres restart`: everything in turn, without an error for clients. */
export function restartCommand(): Command {
  return new Command('restart')
    .description(
      'Restart every process of the shard in a folder, one after the other: a leader hands over first, and the next one waits until all members are healthy again.',
    )
    .addOption(dirOption())
    .action((flags: { readonly dir: string }) => restart(flags.dir));
}

async function restart(dir: string): Promise<void> {
  const cluster = requiredCluster(dir);
  if (!isShard(cluster.record)) {
    throw new CliError('a single Postgres cannot be restarted without a pause', {
      hint: 'Stop it and start it: ./mg down, ./mg up.',
    });
  }
  const abort = new AbortController();
  const interrupted = (): void => abort.abort(new CliError('interrupted', { exitCode: exitCode.interrupted }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  const unlock = lockCluster(cluster.folder, 'up');
  try {
    const tools = { postgres: await ensureTool('postgres-17'), etcd: await ensureTool('etcd') };
    const start: Start = {
      cluster,
      password: '',
      isNewPassword: false,
      signal: abort.signal,
      log: { started: new Set() },
    };
    await whole(start);
    await runSteps(restartSteps(start, tools, await leaderLast(cluster)));
  } finally {
    unlock();
  }
}

/** The leader's node comes last, so that it hands over once and to one that is done. */
async function leaderLast(cluster: Cluster): Promise<readonly NodeRecord[]> {
  const leader = await leaderOf(cluster);
  return cluster.record.nodes.toSorted((a, b) => Number(a === leader) - Number(b === leader));
}

async function leaderOf(cluster: Cluster): Promise<NodeRecord | undefined> {
  const { view, nodeOf } = await askNodes(cluster);
  return view.leader === undefined ? undefined : nodeOf(view.leader);
}

function restartSteps(start: Start, tools: Tools, nodes: readonly NodeRecord[]): readonly Step[] {
  const { folder, record } = start.cluster;
  const again = (name: ComponentName, begin: () => Promise<string>): Step => ({
    title: name,
    run: async () => {
      start.signal.throwIfAborted();
      await stopComponent(folder, name, politeMs);
      await begin();
      await whole(start);
      return 'restarted';
    },
  });
  return [
    ...record.etcds.map((etcd) => again(etcd.name, () => beginEtcd(start, etcd, tools))),
    ...record.orchestrators.map((orch) => again(orch.name, () => beginOrch(start, orch))),
    ...record.gateways.map((gateway) => again(gateway.name, () => beginGateway(start, gateway))),
    ...nodes.flatMap((node) => {
      const { pgctld, pooler, postgres } = nodeNames(node);
      return [
        { title: postgres, run: () => restartPostgres(start, node) },
        again(pgctld, () => beginPgctld(start, node, tools)),
        again(pooler, () => beginPooler(start, node)),
      ];
    }),
  ];
}

async function restartPostgres(start: Start, node: NodeRecord): Promise<string> {
  const { cluster } = start;
  const led = (await leaderOf(cluster)) === node;
  if (led) await handOver(cluster);
  const socket = grpcSocket(cluster.folder, nodeNames(node).pgctld);
  await withPgctld(socket, (pgctld) => pgctld.restart({ mode: StopMode.FAST }, { deadlineMs: restartMsMax }));
  await whole(start);
  return led ? 'handed over, restarted' : 'restarted';
}

async function handOver({ folder, record }: Cluster): Promise<void> {
  const orch = record.orchestrators[0];
  if (orch === undefined) throw new CliError('there is no orchestrator');
  const endpoint = { kind: 'unix', path: grpcSocket(folder, orch.name) } as const;
  await withChannel(endpoint, (channel) =>
    client(OrchService, channel).switchover({ shard: localShard, drainMs: 10_000 }, { deadlineMs: 60_000 }),
  );
}

/** Resolves when all members are healthy. */
async function whole({ cluster, signal }: Start): Promise<void> {
  const untilMs = performance.now() + wholeMsMax;
  for (;;) {
    const { view } = await askNodes(cluster);
    if (shardState(view) === 'healthy') return;
    if (performance.now() > untilMs) {
      throw new CliError(`not all members are healthy after ${wholeMsMax / 1000} s`, {
        hint: 'See what is wrong: ./mg shard explain.',
      });
    }
    await sleep(lookMs, undefined, { signal });
  }
}
