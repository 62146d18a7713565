import { availableParallelism } from 'node:os';
import { LoadGenerator, type LoadResult } from '../load/load-generator.ts';
import type { LoadPlan } from '../load/load-plan.ts';
import type { Arrival } from '../load/loop.ts';
import { pgbench, type Mode } from '../load/pgbench.ts';
import { metered } from '../machine/usage-meter.ts';
import type { Peer, PeerId } from '../peers/peer.ts';
import type { PostgresServer } from '../peers/postgres.ts';
import { median } from '../report/numbers.ts';
import type { ProxyPlan } from './proxy-plan.ts';
import type { Sample } from './sample.ts';

export const openClients = 64;
const accountsPerScale = 100_000;
const mode: Mode = 'extended';

/** One run of our own generator against one peer. */
export interface OpenSample {
  readonly peer: PeerId;
  readonly round: number;
  readonly perSecond: number;
  readonly completed: number;
  readonly failed: number;
  readonly unanswered: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly latenessP99Us: number;
  readonly othersCores: number;
}

/** The same closed loop by pgbench and by our generator, one right after the other. */
export interface Agreement {
  readonly round: number;
  readonly pgbenchTps: number;
  readonly ownTps: number;
}

export const openMode: Mode = mode;

/** What PgBouncer (or, without it, Postgres alone) reached in a closed loop is what rates are a share of. */
export function openRates(plan: ProxyPlan, samples: readonly Sample[]): readonly number[] {
  const selects = samples.filter(({ workload }) => workload === 'select');
  const ofPeer = (id: PeerId): number => median(selects.filter(({ peer }) => peer === id).map(({ tps }) => tps));
  const reached = [ofPeer('pgbouncer'), ofPeer('direct')].find((tps) => Number.isFinite(tps)) ?? 1000;
  return plan.openShares.map((share) => Math.max(100, Math.round((reached * share) / 100) * 100));
}

/** Constant rates of arrival, the same for all peers, who take turns. */
export async function benchOpen(
  postgres: PostgresServer,
  peers: readonly Peer[],
  plan: ProxyPlan,
  rates: readonly number[],
  say: (line: string) => void,
): Promise<readonly OpenSample[]> {
  const samples: OpenSample[] = [];
  for (const perSecond of rates) {
    for (let round = 0; round < plan.openRounds; round++) {
      for (const peer of peers) {
        const roots = { proxy: peer.rootPid, postgres: postgres.postmasterPid };
        const load = loadPlan(peer, plan, { kind: 'open', perSecond });
        const { result, cpu } = await metered(roots, () => generated(load));
        samples.push({ peer: peer.id, round, perSecond, othersCores: cpu.othersCores, ...numbersOf(result) });
        say(
          `open loop, ${perSecond}/s, round ${round + 1}: ${peer.title} p99 ${Math.round(result.latency.quantileUs(0.99))} us`,
        );
      }
    }
  }
  return samples;
}

/** Whether our generator measures what pgbench does: both against Postgres alone. */
export async function benchAgreement(postgres: PostgresServer, plan: ProxyPlan): Promise<readonly Agreement[]> {
  const pairs: Agreement[] = [];
  const { address } = postgres;
  for (let round = 0; round < plan.openRounds; round++) {
    const { tps } = await pgbench({
      program: postgres,
      address,
      workload: 'select',
      mode,
      clients: openClients,
      seconds: plan.seconds,
    });
    const own = await generated(loadPlan(postgres, plan, { kind: 'closed' }));
    pairs.push({ round, pgbenchTps: tps, ownTps: own.perSecond });
  }
  return pairs;
}

const loadPlan = (peer: Peer, plan: ProxyPlan, arrival: Arrival): LoadPlan => ({
  address: peer.address,
  identity: { user: 'postgres', database: 'postgres' },
  active: openClients,
  idle: 0,
  mode,
  rows: plan.scale * accountsPerScale,
  arrival,
  pipeline: 1,
  warmupMs: 300,
  measureMs: plan.seconds * 1000,
  drainMs: 5000,
  loginsAtOnce: 16,
});

async function generated(plan: LoadPlan): Promise<LoadResult> {
  const { generator } = await LoadGenerator.open(plan, Math.max(1, Math.floor(availableParallelism() / 2)));
  try {
    return await generator.load();
  } finally {
    await generator.close();
  }
}

const numbersOf = ({
  completed,
  failed,
  unanswered,
  latency,
  lateness,
}: LoadResult): Omit<OpenSample, 'peer' | 'round' | 'perSecond' | 'othersCores'> => ({
  completed,
  failed,
  unanswered,
  p50Us: latency.quantileUs(0.5),
  p99Us: latency.quantileUs(0.99),
  p999Us: latency.quantileUs(0.999),
  latenessP99Us: lateness.quantileUs(0.99),
});
