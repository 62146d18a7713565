import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pgbench, type PgbenchOptions, type PgbenchResult } from '../load/pgbench.ts';
import { metered } from '../machine/usage-meter.ts';
import { startOurs } from '../peers/ours.ts';
import type { Peer, PeerId, Transport } from '../peers/peer.ts';
import { startPgbouncer } from '../peers/pgbouncer.ts';
import { startPostgres, type PostgresServer } from '../peers/postgres.ts';
import { startSlowStandby } from '../peers/standby.ts';
import type { Scratch } from '../scratch.ts';
import { orSkipped, type Skipped } from './skipped.ts';

export interface FairnessPlan {
  readonly rounds: number;
  readonly seconds: number;
  readonly transport: Transport;
  /** Backends of each pooler. */
  readonly poolSize: number;
  /** Who sends fast statements, how many of them a second all together, and in which protocol. */
  readonly fastClients: number;
  readonly fastPerSecond: number;
}

/** What goes on beside the fast statements. */
export interface Neighbours {
  readonly id: 'none' | 'waiting' | 'computing' | 'writing';
  readonly title: string;
  readonly clients: number;
}

/** One run of one peer. */
export interface FairnessSample {
  readonly peer: PeerId;
  readonly neighbours: Neighbours['id'];
  readonly round: number;
  readonly fast: PgbenchResult;
  /** Of the neighbours; none if there are none. */
  readonly slow: PgbenchResult | undefined;
  readonly othersCores: number;
}

export interface FairnessOutcome {
  readonly peers: readonly Peer[];
  readonly skipped: readonly Skipped[];
  readonly samples: readonly FairnessSample[];
}

export const standbyMs = 5;

/** Fewer than the poolers have backends: what is to be seen is the neighbour, not an empty pool. */
export const neighbourhoods: readonly Neighbours[] = [
  { id: 'none', title: 'alone', clients: 0 },
  { id: 'waiting', title: 'beside 8 clients whose statements take 100 ms and wait', clients: 8 },
  { id: 'computing', title: 'beside 1 client whose statements compute for 100 ms', clients: 1 },
  {
    id: 'writing',
    title: `beside 8 clients that write and wait ${standbyMs} ms for a synchronous standby`,
    clients: 8,
  },
];

const scripts: Readonly<Record<Exclude<Neighbours['id'], 'none'>, string>> = {
  // Behind a view, so that no pooler can know by reading.
  waiting: 'SELECT * FROM patience;\n',
  computing: 'SELECT * FROM labour;\n',
  writing: '\\set aid random(1, 100000)\nUPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n',
};

type Say = (line: string) => void;

/** Fast statements at a constant rate, alone and with slow neighbours: what the neighbours do to their latency. */
export async function benchFairness(scratch: Scratch, plan: FairnessPlan, say: Say): Promise<FairnessOutcome> {
  const { transport, poolSize } = plan;
  const postgres = await startPostgres(scratch, transport, 1, say);
  await postgres.query('CREATE VIEW patience AS SELECT pg_sleep(0.1)::text AS done');
  await postgres.query(await labour(postgres));
  await startSlowStandby(scratch, postgres, standbyMs);
  const skipped: Skipped[] = [];
  const peers: Peer[] = [postgres];
  peers.push(
    ...(await orSkipped('PgBouncer', () => startPgbouncer(scratch, postgres, transport, poolSize, say), skipped, say)),
  );
  for (const processes of ['two', 'one'] as const)
    peers.push(await startOurs(scratch, postgres, { processes, transport, poolSize }));
  for (const [name, script] of Object.entries(scripts)) writeFileSync(scriptFile(scratch, name), script);
  const samples: FairnessSample[] = [];
  for (const neighbours of neighbourhoods) {
    for (let round = 0; round < plan.rounds; round++) {
      for (const peer of peers) {
        const sample = await measured(scratch, postgres, peer, neighbours, plan, round);
        samples.push(sample);
        say(`fast ones ${neighbours.title}, round ${round + 1}: ${peer.title} p99 ${Math.round(sample.fast.p99Us)} us`);
      }
    }
  }
  return { peers, skipped, samples };
}

const scriptFile = (scratch: Scratch, name: string): string => join(scratch.folder, `${name}.sql`);

/** A view that computes for about 100 ms on this machine. */
async function labour(postgres: PostgresServer): Promise<string> {
  const rows = 400_000;
  const statement = (count: number): string => `SELECT sum(i % 7) AS done FROM generate_series(1, ${count}) i`;
  await postgres.query(statement(rows));
  const beganMs = performance.now();
  await postgres.query(statement(rows));
  const tookMs = performance.now() - beganMs;
  return `CREATE VIEW labour AS ${statement(Math.max(1, Math.round((rows * 100) / tookMs)))}`;
}

async function measured(
  scratch: Scratch,
  postgres: PostgresServer,
  peer: Peer,
  neighbours: Neighbours,
  plan: FairnessPlan,
  round: number,
): Promise<FairnessSample> {
  const { fastClients, fastPerSecond, seconds } = plan;
  const common = { program: postgres, address: peer.address, mode: 'extended' } as const;
  const fast: PgbenchOptions = {
    ...common,
    workload: 'select',
    clients: fastClients,
    perSecond: fastPerSecond,
    seconds,
  };
  const { result, cpu } = await metered({ proxy: peer.rootPid, postgres: postgres.postmasterPid }, async () => {
    if (neighbours.id === 'none') return { fast: await pgbench(fast), slow: undefined };
    const workload = { script: scriptFile(scratch, neighbours.id) };
    // They begin before the fast ones, and end after them.
    const slow = pgbench({ ...common, workload, clients: neighbours.clients, seconds: seconds + 2 });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [fastResult, slowResult] = await Promise.all([pgbench(fast), slow]);
    return { fast: fastResult, slow: slowResult };
  });
  return { peer: peer.id, neighbours: neighbours.id, round, ...result, othersCores: cpu.othersCores };
}
