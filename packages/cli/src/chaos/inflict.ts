import { setTimeout as sleep } from 'node:timers/promises';
import { wallClockOffsetVariable } from '@multigres/host';
import { nodeNames, type Cluster } from '../cluster/cluster.ts';
import type { ComponentName } from '../cluster/folder.ts';
import { switchover } from './planned-changes.ts';
import { rollingRestart } from './rolling-restart.ts';
import type { Hands } from './hands.ts';
import type { Injury, Target } from './injury.ts';
import type { LeaderWatch } from './leader-watch.ts';
import type { NodeLinks } from './links.ts';
import type { SmallDisk } from './small-disk.ts';

/** What injuries are made with. */
export interface Tools {
  readonly cluster: Cluster;
  readonly hands: Hands;
  readonly watch: LeaderWatch;
  readonly links: NodeLinks;
  readonly disk: SmallDisk | string;
  /** Writes are acknowledged again, and the shard is whole; answers false if that takes too long. */
  readonly whole: () => Promise<boolean>;
}

/** How an injury came out: `done`, or why it was not made. */
export type Inflicted = 'done' | { readonly skipped: string };

/** Makes one injury and heals it. Never rejects for what the cluster does about it. */
export async function inflict(injury: Injury, tools: Tools): Promise<Inflicted> {
  const { hands, links, disk } = tools;
  switch (injury.kind) {
    case 'kill': {
      const names = injury.targets.map((target) => nameOf(target, tools));
      hands.kill(names);
      await sleep(injury.forMs);
      hands.release(names);
      return 'done';
    }
    case 'freeze': {
      const names = injury.targets.map((target) => nameOf(target, tools));
      hands.freeze(names);
      await sleep(injury.forMs);
      hands.thaw(names);
      return 'done';
    }
    case 'cut':
    case 'delay': {
      const node = nodeOf(injury.node, tools);
      if (injury.kind === 'cut') links.cut(node, injury.way);
      else links.delay(node, injury.delayMs);
      await sleep(injury.forMs);
      links.heal(node);
      return 'done';
    }
    case 'fillDisk': {
      if (typeof disk === 'string') return { skipped: disk };
      disk.fill();
      await sleep(injury.forMs);
      disk.free();
      return 'done';
    }
    case 'clockJump':
      return jumpClock(injury.orch, injury.byMs, tools);
    case 'switchover':
      return switchover(tools.cluster);
    case 'rollingRestart':
      return rollingRestart(tools);
  }
}

function nodeOf(node: number | 'leader', { cluster, watch }: Tools): number {
  if (node !== 'leader') return node;
  const found = cluster.record.nodes.findIndex((each) => each === watch.leaderNode);
  return Math.max(0, found);
}

function nameOf(target: Target, tools: Tools): ComponentName {
  const { record } = tools.cluster;
  if (target.kind === 'node') {
    const node = record.nodes[nodeOf(target.node, tools)];
    return node === undefined ? '' : nodeNames(node)[target.part];
  }
  const all = { orch: record.orchestrators, gateway: record.gateways, etcd: record.etcds }[target.kind];
  return all[target.index]?.name ?? '';
}

async function jumpClock(orch: number, byMs: number, { cluster, hands }: Tools): Promise<Inflicted> {
  const name = cluster.record.orchestrators[orch]?.name;
  if (name === undefined) return { skipped: 'there is no such orchestrator' };
  hands.kill([name]);
  await sleep(200);
  await hands.startWith(name, { [wallClockOffsetVariable]: String(byMs) });
  return 'done';
}
