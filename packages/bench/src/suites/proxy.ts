import { BenchError } from '../errors.ts';
import { pgbench } from '../load/pgbench.ts';
import { metered } from '../machine/usage-meter.ts';
import type { Peer } from '../peers/peer.ts';
import { startOurs } from '../peers/ours.ts';
import { startPgbouncer } from '../peers/pgbouncer.ts';
import { startPostgres, type PostgresServer } from '../peers/postgres.ts';
import type { Scratch } from '../scratch.ts';
import { benchAgreement, benchOpen, openRates, type Agreement, type OpenSample } from './open-loop.ts';
import { profiled, type RoleProfile } from './profile.ts';
import { loadsOf, secondsOf, writersMode, type Load, type ProxyPlan } from './proxy-plan.ts';
import type { Sample } from './sample.ts';
import { orSkipped, type Skipped } from './skipped.ts';
import { tunedPool } from './tuned-pool.ts';

export interface ProxyOutcome {
  readonly peers: readonly Peer[];
  readonly skipped: readonly Skipped[];
  readonly samples: readonly Sample[];
  readonly open: readonly OpenSample[];
  readonly agreement: readonly Agreement[];
  readonly profiles: readonly RoleProfile[];
}

type Say = (line: string) => void;

/** Postgres alone, PgBouncer and ours in turn, A B C D A B C D, under the same loads. */
export async function benchProxy(scratch: Scratch, plan: ProxyPlan, say: Say): Promise<ProxyOutcome> {
  say(`starting Postgres and filling pgbench's tables, scale ${plan.scale}`);
  const postgres = await startPostgres(scratch, plan.transport, plan.scale, say);
  const skipped: Skipped[] = [];
  const peers: Peer[] = [postgres];
  const bouncer = (size: number): Promise<Peer> => startPgbouncer(scratch, postgres, plan.transport, size, say);
  peers.push(
    ...(await orSkipped(
      'PgBouncer',
      async () => (await tunedPool('PgBouncer', postgres, plan.pgbouncerPools, bouncer, say)).peer,
      skipped,
      say,
    )),
  );
  const ours = (size: number, processes: 'one' | 'two'): Promise<Peer> =>
    startOurs(scratch, postgres, { processes, transport: plan.transport, poolSize: size });
  const two = await tunedPool('Multigres', postgres, plan.ourPools, (size) => ours(size, 'two'), say);
  peers.push(two.peer, await ours(two.size, 'one'));
  const samples = await inTurn(postgres, peers, plan, say);
  const open = await benchOpen(postgres, peers, plan, openRates(plan, samples), say);
  const agreement = await benchAgreement(postgres, plan);
  const profiles = await profilesOf(scratch, postgres, plan, two.size, say);
  return { peers, skipped, samples, open, agreement, profiles };
}

/** Apart from what is measured: a profiler slows things down. */
async function profilesOf(
  scratch: Scratch,
  postgres: PostgresServer,
  plan: ProxyPlan,
  poolSize: number,
  say: Say,
): Promise<readonly RoleProfile[]> {
  const { profileFolder: folder, transport, seconds, modes, clients } = plan;
  if (folder === undefined) return [];
  say('taking profiles');
  const common = { folder, transport, poolSize, clients: clients.at(-1) ?? 64, seconds: Math.max(3, seconds) };
  return [
    ...(await profiled(scratch, postgres, { ...common, workload: 'select', mode: modes.at(-1) ?? writersMode })),
    ...(await profiled(scratch, postgres, { ...common, workload: 'tpcb', mode: writersMode })),
  ];
}

async function inTurn(postgres: PostgresServer, peers: readonly Peer[], plan: ProxyPlan, say: Say): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const [index, load] of loadsOf(plan).entries()) {
    if (isNewKind(plan, index)) await warmUp(postgres, peers, load, plan.seconds);
    for (let round = 0; round < plan.rounds; round++) {
      for (const peer of peers) {
        const sample = await measure(postgres, peer, load, round, secondsOf(plan, load));
        samples.push(sample);
        say(
          `${load.workload} ${load.mode} ${load.clients} clients, round ${round + 1}: ${peer.title} ${Math.round(sample.tps)} tps`,
        );
      }
    }
  }
  return samples;
}

const underLoad = (error: BenchError, { title }: Peer, { workload, mode, clients }: Load): BenchError =>
  new BenchError(`${title} under ${workload}, ${mode} protocol, ${clients} clients: ${error.message}`, error);

/** Whether the loads before this one were of another statement or protocol. */
function isNewKind(plan: ProxyPlan, index: number): boolean {
  const [before, load] = [loadsOf(plan)[index - 1], loadsOf(plan)[index]];
  return before?.workload !== load?.workload || before?.mode !== load?.mode;
}

/** Caches, and the code of a just-in-time compiler: nobody measures a server's first second. */
async function warmUp(postgres: PostgresServer, peers: readonly Peer[], load: Load, seconds: number): Promise<void> {
  for (const peer of peers)
    if (peer.id !== 'direct') await measure(postgres, peer, { ...load, clients: 16 }, 0, seconds);
}

async function measure(
  postgres: PostgresServer,
  peer: Peer,
  load: Load,
  round: number,
  seconds: number,
): Promise<Sample> {
  const roots = { proxy: peer.rootPid, postgres: postgres.postmasterPid };
  const { result, cpu } = await metered(roots, () =>
    pgbench({ program: postgres, address: peer.address, ...load, seconds }),
  ).catch((error: unknown) => {
    // What ended by itself explains more than the client that it left.
    postgres.check();
    peer.check();
    throw error instanceof BenchError ? underLoad(error, peer, load) : error;
  });
  return { ...load, ...result, peer: peer.id, round, cpu };
}
