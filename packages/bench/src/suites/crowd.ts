import { setTimeout as sleep } from 'node:timers/promises';
import { LoadGenerator, type LoadResult, type Logins } from '../load/load-generator.ts';
import type { LoadPlan } from '../load/load-plan.ts';
import { metered } from '../machine/usage-meter.ts';
import { processTree } from '../machine/process-usage.ts';
import { startOurs } from '../peers/ours.ts';
import type { Peer, PeerId, Transport } from '../peers/peer.ts';
import { startPgbouncer } from '../peers/pgbouncer.ts';
import { startPostgres, type PostgresServer } from '../peers/postgres.ts';
import type { Scratch } from '../scratch.ts';
import type { Skipped } from './skipped.ts';

export interface CrowdPlan {
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly transport: Transport;
  readonly poolSize: number;
  /** Gateways of ours; with more than one nobody else is measured, as one process could not have so many clients. */
  readonly workers: number;
  /** Processes of the generator. */
  readonly processes: number;
  /** Sessions that are not idle, and their statements a second, all together. */
  readonly active: number;
  readonly perSecond: number;
}

/** One crowd at one peer, which was started for it. */
export interface CrowdSample {
  readonly peer: PeerId;
  readonly round: number;
  /** Resident memory of the proxy's processes: used to a few sessions, with the crowd, and per session of it. */
  readonly beforeBytes: number;
  readonly withCrowdBytes: number;
  readonly perSessionBytes: number;
  readonly generatorBytes: number;
  readonly loginsPerSecond: number;
  readonly loginP50Us: number;
  readonly loginP99Us: number;
  /** Of the proxy's processes, for one login. */
  readonly loginCpuUs: number;
  readonly completed: number;
  readonly failed: number;
  readonly unanswered: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly latenessP99Us: number;
  readonly othersCores: number;
}

export interface CrowdOutcome {
  readonly peers: readonly Peer[];
  readonly skipped: readonly Skipped[];
  readonly samples: readonly CrowdSample[];
}

const scale = 1;
/** Collectors and allocators give memory back, or take it, a moment later. */
const settleMs = 1500;

type Say = (line: string) => void;

/** Many clients that are logged in and do nothing, and what a few others feel of it. Each peer is started anew for each round. */
export async function benchCrowd(scratch: Scratch, plan: CrowdPlan, say: Say): Promise<CrowdOutcome> {
  const { transport, poolSize, workers } = plan;
  const postgres = await startPostgres(scratch, transport, scale, say);
  const withWorkers = () => startOurs(scratch, postgres, { processes: 'two', transport, poolSize, workers });
  const alone: readonly (() => Promise<Peer>)[] = [
    () => startPgbouncer(scratch, postgres, transport, poolSize, say),
    () => startOurs(scratch, postgres, { processes: 'two', transport, poolSize }),
    () => startOurs(scratch, postgres, { processes: 'one', transport, poolSize }),
  ];
  const starts = workers > 1 ? [withWorkers] : alone;
  const peers = new Map<PeerId, Peer>();
  const skipped = new Map<string, Skipped>();
  const samples: CrowdSample[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    for (const [index, start] of starts.entries()) {
      const title = index === 0 ? 'PgBouncer' : 'Multigres';
      const peer = await start().catch((error: unknown) => {
        if (index !== 0 || workers > 1 || !(error instanceof Error)) throw error;
        skipped.set(title, { title, reason: error.message });
      });
      if (peer === undefined) continue;
      peers.set(peer.id, peer);
      say(`round ${round + 1}: ${plan.connections} sessions at ${peer.title}`);
      samples.push(await measured(postgres, peer, plan, round));
      await peer.stop();
    }
  }
  return { peers: [...peers.values()], skipped: [...skipped.values()], samples };
}

const residentBytes = (pids: readonly number[]): number =>
  pids.flatMap(processTree).reduce((sum, { residentBytes: bytes }) => sum + bytes, 0);

async function measured(postgres: PostgresServer, peer: Peer, plan: CrowdPlan, round: number): Promise<CrowdSample> {
  const roots = { proxy: peer.rootPid, postgres: postgres.postmasterPid };
  const proxies = peer.rootPid === undefined ? [] : [peer.rootPid];
  await few(peer, plan);
  await sleep(settleMs);
  const beforeBytes = residentBytes(proxies);
  const { result: opened, cpu } = await metered(roots, () =>
    LoadGenerator.open(loadPlan(peer, plan, plan.connections), plan.processes),
  );
  try {
    await sleep(settleMs);
    peer.check();
    const withCrowdBytes = residentBytes(proxies);
    const generatorBytes = residentBytes(opened.generator.pids);
    const loaded = await metered(roots, () => opened.generator.load());
    return {
      ...{ peer: peer.id, round, beforeBytes, withCrowdBytes, generatorBytes },
      perSessionBytes: (withCrowdBytes - beforeBytes) / opened.logins.sessions,
      loginCpuUs: cpu.proxyUs / opened.logins.sessions,
      othersCores: loaded.cpu.othersCores,
      ...loginNumbers(opened.logins),
      ...loadNumbers(loaded.result),
    };
  } finally {
    await opened.generator.close();
  }
}

/** Code that is compiled and pools that are filled before a crowd comes are not its memory. */
async function few(peer: Peer, plan: CrowdPlan): Promise<void> {
  const { generator } = await LoadGenerator.open(loadPlan(peer, plan, 200), plan.processes);
  try {
    await generator.load();
  } finally {
    await generator.close();
  }
}

const loadPlan = (peer: Peer, plan: CrowdPlan, idle: number): LoadPlan => ({
  address: peer.address,
  identity: { user: 'postgres', database: 'postgres' },
  active: plan.active,
  idle,
  mode: 'extended',
  rows: scale * 100_000,
  arrival: { kind: 'open', perSecond: plan.perSecond },
  pipeline: 1,
  warmupMs: 500,
  measureMs: plan.seconds * 1000,
  drainMs: 5000,
  loginsAtOnce: 32,
});

const loginNumbers = ({
  perSecond,
  latency,
}: Logins): Pick<CrowdSample, 'loginsPerSecond' | 'loginP50Us' | 'loginP99Us'> => ({
  loginsPerSecond: perSecond,
  loginP50Us: latency.quantileUs(0.5),
  loginP99Us: latency.quantileUs(0.99),
});

const loadNumbers = ({
  completed,
  failed,
  unanswered,
  latency,
  lateness,
}: LoadResult): Pick<CrowdSample, 'completed' | 'failed' | 'unanswered' | 'p50Us' | 'p99Us' | 'latenessP99Us'> => ({
  completed,
  failed,
  unanswered,
  p50Us: latency.quantileUs(0.5),
  p99Us: latency.quantileUs(0.99),
  latenessP99Us: lateness.quantileUs(0.99),
});
