import { join } from 'node:path';
import { LocalCluster } from '../failover/local-cluster.ts';
import { failoverTable, WriteLoad, type Seen } from '../failover/write-load.ts';
import { askOnce } from '../failover/ask-once.ts';
import type { Scratch } from '../scratch.ts';

export const injuries = ['postgres', 'node', 'switchover', 'rolling'] as const;
export type InjuryKind = (typeof injuries)[number];

export interface FailoverPlan {
  readonly kinds: readonly InjuryKind[];
  readonly rounds: number;
  readonly connections: number;
}

export interface FailoverRound extends Seen {
  readonly kind: InjuryKind;
}

/** Writes flow again when so many were acknowledged. */
const flowing = 200;
const flowMsMax = 60_000;
const wholeMsMax = 120_000;
/** Before the next round, so that it finds a cluster at rest. */
const restMs = 1_000;

/** What loses or changes the leader, one round after the other, and what clients see of it. */
export async function benchFailover(
  scratch: Scratch,
  plan: FailoverPlan,
  say: (line: string) => void,
): Promise<readonly FailoverRound[]> {
  say('starting a cluster of three');
  const cluster = await LocalCluster.start(join(scratch.folder, 'cluster'));
  scratch.defer(() => cluster.stop());
  await askOnce(cluster.port, failoverTable);
  const load = new WriteLoad(cluster.port, plan.connections);
  const rounds: FailoverRound[] = [];
  try {
    await load.flows(flowing, flowMsMax);
    for (const kind of plan.kinds) {
      for (let round = 1; round <= plan.rounds; round++) {
        const seen = await oneRound(cluster, load, kind);
        rounds.push({ kind, ...seen });
        say(`${kind} ${round}/${plan.rounds}: paused for ${Math.round(seen.pauseMs)} ms, ${errorsOf(seen)} errors`);
      }
    }
  } finally {
    load.stop();
  }
  return rounds;
}

const errorsOf = ({ errors }: Seen): number => [...errors.values()].reduce((sum, count) => sum + count, 0);

async function oneRound(cluster: LocalCluster, load: WriteLoad, kind: InjuryKind): Promise<Seen> {
  await cluster.whole(wholeMsMax);
  await new Promise((resolve) => setTimeout(resolve, restMs));
  await load.flows(flowing, flowMsMax);
  const leader = await cluster.leader();
  load.mark();
  if (kind === 'postgres') await cluster.killPostgres(leader);
  else if (kind === 'node') await cluster.killNode(leader);
  else if (kind === 'switchover') await cluster.switchover();
  else await cluster.restartInTurn();
  await load.flows(flowing, flowMsMax);
  const { seen } = load;
  if (kind === 'node') await cluster.complete();
  return seen;
}
