import { setTimeout as sleep } from 'node:timers/promises';
import { pgbench, type PgbenchResult } from '../load/pgbench.ts';
import { makeTrouble } from '../load/trouble/trouble.ts';
import { descriptorsOf, processTree } from '../machine/process-usage.ts';
import { metered, type CpuUse } from '../machine/usage-meter.ts';
import { startOurs } from '../peers/ours.ts';
import type { Auth, Peer, PeerId, Transport } from '../peers/peer.ts';
import { startPgbouncer } from '../peers/pgbouncer.ts';
import { startPostgres, type PostgresServer } from '../peers/postgres.ts';
import type { Scratch } from '../scratch.ts';
import { orSkipped, type Skipped } from './skipped.ts';

export interface ChurnPlan {
  readonly rounds: number;
  readonly seconds: number;
  readonly clients: number;
  readonly transport: Transport;
  readonly poolSize: number;
  /** How long ours is troubled while its memory is watched; 0: not at all. */
  readonly troubleMinutes: number;
  /** Sessions a second in that time, half of them troublesome; as many as go if absent. */
  readonly perSecond?: number;
}

/** Connections made, used for one statement and closed, by one peer in one run. */
export interface ChurnSample {
  readonly peer: PeerId;
  readonly auth: Auth['method'];
  readonly round: number;
  readonly result: PgbenchResult;
  readonly cpu: CpuUse;
}

/** What the processes of a peer hold, some time into its trouble. */
export interface Holding {
  readonly minutes: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly sessions: number;
}

export interface ChurnOutcome {
  readonly peers: readonly Peer[];
  readonly skipped: readonly Skipped[];
  readonly samples: readonly ChurnSample[];
  readonly holdings: readonly Holding[];
}

type Say = (line: string) => void;

const scram = { method: 'scram', user: 'bench', password: 'churn in a pool' } as const satisfies Auth;
const atOnce = 8;
const slicesMax = 60;
/** Sessions have gone and collectors had their turn. */
const settleMs = 3000;

/** Logins a second and what one costs, with and without a password; then what a troublesome crowd leaves behind in ours. */
export async function benchChurn(scratch: Scratch, plan: ChurnPlan, say: Say): Promise<ChurnOutcome> {
  const { transport, poolSize } = plan;
  const postgres = await startPostgres(scratch, transport, 1, say);
  await postgres.query(`CREATE ROLE ${scram.user} LOGIN`);
  // pgbench counts its branches first.
  await postgres.query(`GRANT SELECT ON pgbench_accounts, pgbench_branches TO ${scram.user}`);
  const [peers, skipped, samples]: [Map<PeerId, Peer>, Skipped[], ChurnSample[]] = [new Map(), [], []];
  for (const auth of [{ method: 'trust' } as const, scram]) {
    const present = [
      ...(auth.method === 'trust' ? [postgres] : []),
      ...(await orSkipped(
        'PgBouncer',
        () => startPgbouncer(scratch, postgres, transport, poolSize, say, auth),
        skipped,
        say,
      )),
      await startOurs(scratch, postgres, { processes: 'two', transport, poolSize, auth }),
      await startOurs(scratch, postgres, { processes: 'one', transport, poolSize, auth }),
    ];
    for (const peer of present) if (!peers.has(peer.id)) peers.set(peer.id, peer);
    for (let round = 0; round < plan.rounds; round++) {
      for (const peer of present) {
        const sample = await logins(postgres, peer, auth, plan, round);
        samples.push(sample);
        say(`${auth.method}, round ${round + 1}: ${peer.title} ${Math.round(sample.result.tps)} connections a second`);
      }
    }
    for (const peer of present) if (peer.id !== 'direct') await peer.stop();
  }
  const holdings = plan.troubleMinutes === 0 ? [] : await trouble(scratch, postgres, plan, say);
  return { peers: [...peers.values()], skipped, samples, holdings };
}

async function logins(
  postgres: PostgresServer,
  peer: Peer,
  auth: Auth,
  plan: ChurnPlan,
  round: number,
): Promise<ChurnSample> {
  const { clients, seconds } = plan;
  const identity = auth.method === 'trust' ? { user: 'postgres' } : auth;
  const { result, cpu } = await metered({ proxy: peer.rootPid, postgres: postgres.postmasterPid }, () =>
    pgbench({
      program: postgres,
      address: peer.address,
      workload: 'select',
      mode: 'simple',
      clients,
      seconds,
      connects: true,
      identity,
    }),
  );
  return { peer: peer.id, auth: auth.method, round, result, cpu };
}

/** Well-behaved short sessions and troublesome ones together, slice by slice; between the slices nobody is there. */
async function trouble(
  scratch: Scratch,
  postgres: PostgresServer,
  plan: ChurnPlan,
  say: Say,
): Promise<readonly Holding[]> {
  const { transport, poolSize, troubleMinutes } = plan;
  const peer = await startOurs(scratch, postgres, { processes: 'two', transport, poolSize });
  const slices = Math.min(slicesMax, Math.max(3, Math.round(troubleMinutes * 4)));
  const seconds = Math.max(1, Math.round((troubleMinutes * 60) / slices - settleMs / 1000));
  const holdings: Holding[] = [];
  const beganMs = performance.now();
  let sessions = 0;
  const pace = plan.perSecond === undefined ? {} : { perSecond: Math.ceil(plan.perSecond / 2) };
  for (let slice = 0; slice < slices; slice++) {
    const identity = { user: 'postgres', database: 'postgres' };
    const [good, bad] = await Promise.all([
      pgbench({
        program: postgres,
        address: peer.address,
        workload: 'select',
        mode: 'extended',
        clients: plan.clients,
        seconds,
        connects: true,
        ...pace,
      }),
      makeTrouble({ address: peer.address, identity, atOnce, ms: seconds * 1000, ...pace }),
    ]);
    sessions += good.transactions + bad.sessions;
    await sleep(settleMs);
    peer.check();
    const processes = peer.rootPid === undefined ? [] : processTree(peer.rootPid);
    holdings.push({
      minutes: (performance.now() - beganMs) / 60_000,
      residentBytes: processes.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
      descriptors: processes.reduce((sum, { pid }) => sum + descriptorsOf(pid), 0),
      sessions,
    });
    say(
      `trouble, slice ${slice + 1} of ${slices}: ${Math.round((holdings.at(-1)?.residentBytes ?? 0) / 2 ** 20)} MiB after ${sessions} sessions`,
    );
  }
  await peer.stop();
  return holdings;
}
