import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { StopMode } from '@multigres/rpc';
import { CliError } from '../errors.ts';
import { withPgctld } from './calls.ts';
import { grpcSocket, nodeNames, postgresDirectory, type Cluster } from './cluster.ts';
import { hasEnded, isComponentAlive, readComponent, signalProcess } from './component.ts';
import { commandLine, processIdentity } from './process-identity.ts';
import type { NodeRecord } from './record.ts';

/** Longer than pgctld's own patience: it escalates by itself. */
const throughPgctldMs = 100_000;

export interface Server {
  readonly pid: number;
  readonly identity: string;
}

/** The server of a node's data directory, by its own pid file and its command line; undefined if none runs. */
export function runningServer(cluster: Cluster, node: NodeRecord): Server | undefined {
  const data = path.join(postgresDirectory(cluster, node), 'data');
  const file = path.join(data, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const identity = processIdentity(pid);
  return identity !== undefined && commandLine(pid).includes(data) ? { pid, identity } : undefined;
}

/** Stops Postgres: through pgctld while that lives, by signals of our own if not. Answers whether there was anything to stop. */
export async function stopPostgres(cluster: Cluster, node: NodeRecord): Promise<'stopped' | 'was not running'> {
  const server = runningServer(cluster, node);
  const { pgctld } = nodeNames(node);
  if (isComponentAlive(readComponent(cluster.folder, pgctld)) && (await stopThroughPgctld(cluster, pgctld))) {
    if (server === undefined || (await hasEnded(server.pid, server.identity, 1_000))) {
      return server === undefined ? 'was not running' : 'stopped';
    }
  }
  const left = runningServer(cluster, node);
  if (left === undefined) return server === undefined ? 'was not running' : 'stopped';
  await stopByForce(left);
  return 'stopped';
}

async function stopThroughPgctld({ folder }: Cluster, name: string): Promise<boolean> {
  try {
    await withPgctld(grpcSocket(folder, name), (pgctld) =>
      pgctld.stop({ mode: StopMode.FAST }, { deadlineMs: throughPgctldMs }),
    );
    return true;
  } catch {
    return false; // It may be half dead itself; what it has left running is stopped without it.
  }
}

/** Fast, immediate, at last SIGKILL (PostgreSQL documentation, "Shutting Down the Server"). */
async function stopByForce({ pid, identity }: Server): Promise<void> {
  const stages: readonly [NodeJS.Signals, number][] = [
    ['SIGINT', 60_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 10_000],
  ];
  for (const [signal, patienceMs] of stages) {
    signalProcess(pid, identity, signal);
    if (await hasEnded(pid, identity, patienceMs)) return;
  }
  throw new CliError(`process ${pid} (postgres) is still there after SIGKILL`);
}
