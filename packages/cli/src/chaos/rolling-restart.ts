import { setTimeout as sleep } from 'node:timers/promises';
import { StopMode } from '@multigres/rpc';
import { withPgctld } from '../cluster/calls.ts';
import { grpcSocket, nodeNames } from '../cluster/cluster.ts';
import type { Inflicted, Tools } from './inflict.ts';
import { switchover } from './planned-changes.ts';

const endMsMax = 20_000;
const restartMsMax = 100_000;

/**
 * Everything is stopped politely and started again, one after the other, and only while the shard is whole; a leader hands over first. As an operator
 * with a new version would do it.
 */
export async function rollingRestart(tools: Tools): Promise<Inflicted> {
  const { cluster, watch } = tools;
  const { record } = cluster;
  for (const { name } of [...record.orchestrators, ...record.gateways, ...record.etcds]) {
    if (!(await restarted(name, tools))) return { skipped: `the shard was not whole after the restart of ${name}` };
  }
  const leaderLast = record.nodes.toSorted((a, b) => Number(a === watch.leaderNode) - Number(b === watch.leaderNode));
  for (const node of leaderLast) {
    const { pgctld, pooler, postgres } = nodeNames(node);
    if (node === watch.leaderNode) await switchover(cluster);
    for (const name of [pgctld, pooler]) {
      if (!(await restarted(name, tools))) return { skipped: `the shard was not whole after the restart of ${name}` };
    }
    const socket = grpcSocket(cluster.folder, pgctld);
    const restart = withPgctld(socket, (calls) => calls.restart({ mode: StopMode.FAST }, { deadlineMs: restartMsMax }));
    // What went wrong shows in whether the shard gets whole.
    await restart.catch(() => undefined);
    if (!(await tools.whole())) return { skipped: `the shard was not whole after the restart of ${postgres}` };
  }
  return 'done';
}

async function restarted(name: string, { hands, whole }: Tools): Promise<boolean> {
  hands.terminate(name);
  const untilMs = performance.now() + endMsMax;
  while (hands.isAlive(name) && performance.now() < untilMs) await sleep(50);
  hands.release([name]);
  return whole();
}
