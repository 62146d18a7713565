import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { modes, type Mode } from './load/pgbench.ts';
import { describeMachine } from './machine/machine.ts';
import { checkMachine } from './machine/preflight.ts';
import { postgresMiB } from './peers/postgres.ts';
import { proxyReport } from './report/proxy-report.ts';
import { withScratch } from './with-scratch.ts';
import { benchProxy } from './suites/proxy.ts';
import { minutesAhead, type ProxyPlan } from './suites/proxy-plan.ts';
import { countList, count, say, shownCommand } from './option-values.ts';

interface Flags {
  readonly quick?: boolean;
  readonly json?: string;
  readonly out?: string;
  readonly profile?: string;
  readonly clients?: readonly number[];
  readonly modes: readonly Mode[];
  readonly rounds?: number;
  readonly seconds?: number;
  readonly scale: number;
  readonly transport: 'tcp' | 'unix';
  readonly pgbouncerPool?: number;
  readonly poolSize?: number;
}

export function proxyCommand(): Command {
  return new Command('proxy')
    .description('Postgres alone, PgBouncer and ours under pgbench: throughput, latency, CPU')
    .option('--quick', 'under two minutes, for a first impression')
    .option('--json <file>', 'write every single run to a file')
    .option('--out <file>', 'write the report to a file, too')
    .option(
      '--profile <folder>',
      'also run ours under the profiler, keep the profiles there and show the dearest functions',
    )
    .option('--clients <list>', 'how many clients (default: 1,8,64,256; quick: 8,64)', countList(1, 380))
    .option('--modes <list>', 'simple, extended, prepared', modeList, modes)
    .option('--rounds <n>', 'runs of each peer under each load (default: 5; quick: 2)', count(1, 100))
    .option('--seconds <n>', 'length of a run (default: 5; quick: 1)', count(1, 3600))
    .option('--scale <n>', "pgbench's scale factor", count(1, 1000), 10)
    .addOption(new Option('--transport <kind>', 'of all connections').choices(['tcp', 'unix']).default('tcp'))
    .option('--pgbouncer-pool <n>', "PgBouncer's pool size (default: the best of some)", count(1, 300))
    .option('--pool-size <n>', 'our pool size (default: the best of some)', count(1, 300))
    .action(run);
}

function modeList(text: string): Mode[] {
  return text.split(',').map((name) => {
    const mode = modes.find((known) => known === name);
    if (mode === undefined) throw new InvalidArgumentError(`"${name}" is none of ${modes.join(', ')}.`);
    return mode;
  });
}

/** Multiples of the processors: what people would try. */
function poolSizes(given: number | undefined, quick: boolean): number[] {
  if (given !== undefined) return [given];
  const cores = availableParallelism();
  return quick ? [2 * cores, 8 * cores] : [2 * cores, 4 * cores, 8 * cores, 16 * cores];
}

async function run(flags: Flags): Promise<void> {
  const quick = flags.quick ?? false;
  const plan: ProxyPlan = {
    clients: flags.clients ?? (quick ? [8, 64] : [1, 8, 64, 256]),
    modes: flags.modes,
    rounds: flags.rounds ?? (quick ? 2 : 5),
    seconds: flags.seconds ?? (quick ? 1 : 5),
    transport: flags.transport,
    scale: flags.scale,
    pgbouncerPools: poolSizes(flags.pgbouncerPool, quick),
    ourPools: poolSizes(flags.poolSize, quick),
    ...(flags.profile !== undefined && { profileFolder: flags.profile }),
    openRounds: quick ? 1 : Math.min(3, flags.rounds ?? 3),
    openShares: quick ? [0.5] : [0.25, 0.5, 0.75],
  };
  const machine = describeMachine();
  await withScratch(async (scratch) => {
    checkMachine({ folder: scratch.folder, diskMiB: postgresMiB, descriptors: 1024 });
    say(`minutes ahead: about ${minutesAhead(plan, 4)}`);
    const outcome = await benchProxy(scratch, plan, say);
    const report = proxyReport(machine, plan, outcome, shownCommand());
    process.stdout.write(report);
    if (flags.out !== undefined) writeFileSync(flags.out, report);
    if (flags.json === undefined) return;
    const { peers, skipped, ...measured } = outcome;
    const told = peers.map(({ id, title, version, settings, command }) => ({ id, title, version, settings, command }));
    writeFileSync(
      flags.json,
      `${JSON.stringify({ suite: 'proxy', machine, plan, peers: told, skipped, ...measured }, undefined, 1)}\n`,
    );
  });
}
