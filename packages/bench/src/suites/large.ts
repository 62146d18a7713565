import { setInterval } from 'node:timers';
import { readStream, type Streamed } from '../load/stream.ts';
import { processTree } from '../machine/process-usage.ts';
import { metered, type CpuUse } from '../machine/usage-meter.ts';
import { startOurs } from '../peers/ours.ts';
import type { Peer, PeerId, Transport } from '../peers/peer.ts';
import { startPgbouncer } from '../peers/pgbouncer.ts';
import { startPostgres, type PostgresServer } from '../peers/postgres.ts';
import type { Scratch } from '../scratch.ts';
import { orSkipped, type Skipped } from './skipped.ts';

export interface LargePlan {
  readonly rounds: number;
  readonly mebibytes: number;
  readonly transport: Transport;
}

export interface LargeSample {
  readonly peer: PeerId;
  readonly kind: LargeKind['id'];
  readonly round: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly cpu: CpuUse;
  /** The proxy's resident memory before, and the most that was seen meanwhile. */
  readonly beforeBytes: number;
  readonly mostBytes: number;
}

export interface LargeOutcome {
  readonly peers: readonly Peer[];
  readonly skipped: readonly Skipped[];
  readonly samples: readonly LargeSample[];
}

export interface LargeKind {
  readonly id: 'rows' | 'wideRows' | 'copyOut';
  readonly title: string;
  statement(mebibytes: number): string;
}

export const largeKinds: readonly LargeKind[] = [
  {
    id: 'rows',
    title: 'rows of 1 KiB',
    statement: (mebibytes) => `SELECT repeat('x', 1000) FROM generate_series(1, ${mebibytes * 1024})`,
  },
  {
    id: 'wideRows',
    title: 'rows of 16 MiB',
    statement: (mebibytes) =>
      `SELECT repeat('x', 16 * 1024 * 1024) FROM generate_series(1, ${Math.max(1, mebibytes / 16)})`,
  },
  {
    id: 'copyOut',
    title: 'COPY TO STDOUT',
    statement: (mebibytes) => `COPY (SELECT repeat('x', 1000) FROM generate_series(1, ${mebibytes * 1024})) TO STDOUT`,
  },
];

type Say = (line: string) => void;
const watchMs = 50;

/** Results that do not fit into anybody's memory: how fast they pass, and what passing them takes. */
export async function benchLarge(scratch: Scratch, plan: LargePlan, say: Say): Promise<LargeOutcome> {
  const { transport, mebibytes } = plan;
  const postgres = await startPostgres(scratch, transport, 1, say);
  const skipped: Skipped[] = [];
  const peers: Peer[] = [postgres];
  peers.push(
    ...(await orSkipped('PgBouncer', () => startPgbouncer(scratch, postgres, transport, 16, say), skipped, say)),
  );
  for (const processes of ['two', 'one'] as const)
    peers.push(await startOurs(scratch, postgres, { processes, transport }));
  const samples: LargeSample[] = [];
  for (const kind of largeKinds) {
    for (let round = 0; round < plan.rounds; round++) {
      for (const peer of peers) {
        const sample = await measured(postgres, peer, kind, mebibytes, round);
        samples.push(sample);
        say(
          `${kind.title}, round ${round + 1}: ${peer.title} ${Math.round(sample.bytes / 2 ** 20 / sample.seconds)} MiB/s`,
        );
      }
    }
  }
  return { peers, skipped, samples };
}

async function measured(
  postgres: PostgresServer,
  peer: Peer,
  kind: LargeKind,
  mebibytes: number,
  round: number,
): Promise<LargeSample> {
  const resident = (): number =>
    peer.rootPid === undefined
      ? 0
      : processTree(peer.rootPid).reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  const beforeBytes = resident();
  let mostBytes = beforeBytes;
  const watch = setInterval(() => (mostBytes = Math.max(mostBytes, resident())), watchMs);
  try {
    const { result, cpu } = await metered(
      { proxy: peer.rootPid, postgres: postgres.postmasterPid },
      (): Promise<Streamed> =>
        readStream(peer.address, { user: 'postgres', database: 'postgres' }, kind.statement(mebibytes)),
    );
    return { peer: peer.id, kind: kind.id, round, ...result, cpu, beforeBytes, mostBytes };
  } finally {
    clearInterval(watch);
  }
}
