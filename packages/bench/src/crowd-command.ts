import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { sourceAddresses } from './load/source-addresses.ts';
import { describeMachine } from './machine/machine.ts';
import { checkMachine } from './machine/preflight.ts';
import { count, say, shownCommand } from './option-values.ts';
import { postgresMiB } from './peers/postgres.ts';
import { crowdReport } from './report/crowd-report.ts';
import { benchCrowd, type CrowdPlan } from './suites/crowd.ts';
import { withScratch } from './with-scratch.ts';

interface Flags {
  readonly quick?: boolean;
  readonly json?: string;
  readonly out?: string;
  readonly connections?: number;
  readonly rounds?: number;
  readonly seconds?: number;
  readonly transport: 'tcp' | 'unix';
  readonly poolSize: number;
  readonly workers: number;
}

/** Of a server besides its clients: files, backends, sockets to listen on. */
const ownDescriptors = 400;
/** Of one process of the generator. */
const generatorConnections = 15_000;

export function crowdCommand(): Command {
  return new Command('crowd')
    .description(
      'many idle clients at PgBouncer and ours: memory of each, logins per second, what the active ones feel',
    )
    .option('--quick', 'under two minutes, for a first impression')
    .option('--json <file>', 'write every single run to a file')
    .option('--out <file>', 'write the report to a file, too')
    .option('--connections <n>', 'idle clients (default: 10000; quick: 4000)', count(100, 1_000_000))
    .option('--rounds <n>', 'crowds at each peer (default: 3; quick: 1)', count(1, 100))
    .option('--seconds <n>', 'how long the active clients are measured (default: 10; quick: 3)', count(1, 3600))
    .addOption(new Option('--transport <kind>', 'of all connections').choices(['tcp', 'unix']).default('tcp'))
    .option('--workers <n>', 'gateway processes of ours, which is then measured alone', count(1, 64), 1)
    .option('--pool-size <n>', 'backends of each pooler', count(1, 300), 16)
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const quick = flags.quick ?? false;
  const connections = flags.connections ?? (quick ? 4000 : 10_000);
  const plan: CrowdPlan = {
    connections,
    rounds: flags.rounds ?? (quick ? 1 : 3),
    seconds: flags.seconds ?? (quick ? 3 : 10),
    transport: flags.transport,
    poolSize: flags.poolSize,
    workers: flags.workers,
    processes: Math.max(2, availableParallelism(), Math.ceil(connections / generatorConnections)),
    active: 16,
    perSecond: 500,
  };
  const machine = describeMachine();
  await withScratch(async (scratch) => {
    // The system spreads connections over workers by chance.
    const descriptors = Math.ceil((plan.connections / plan.workers) * (plan.workers > 1 ? 1.05 : 1)) + ownDescriptors;
    checkMachine({ folder: scratch.folder, diskMiB: postgresMiB, descriptors });
    if (plan.transport === 'tcp') sourceAddresses(plan.connections + plan.active);
    const outcome = await benchCrowd(scratch, plan, say);
    const report = crowdReport(machine, plan, outcome, shownCommand());
    process.stdout.write(report);
    if (flags.out !== undefined) writeFileSync(flags.out, report);
    if (flags.json === undefined) return;
    const peers = outcome.peers.map(({ id, title, version, settings, command }) => ({
      id,
      title,
      version,
      settings,
      command,
    }));
    writeFileSync(
      flags.json,
      `${JSON.stringify({ suite: 'crowd', machine, plan, ...outcome, peers }, undefined, 1)}\n`,
    );
  });
}
