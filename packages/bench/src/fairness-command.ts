import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { addSuiteOptions, count, say, shownCommand, writeRuns, type SuiteFlags } from './option-values.ts';
import { describeMachine } from './machine/machine.ts';
import { checkMachine } from './machine/preflight.ts';
import { postgresMiB } from './peers/postgres.ts';
import { fairnessReport } from './report/fairness-report.ts';
import { benchFairness, type FairnessPlan } from './suites/fairness.ts';
import { withScratch } from './with-scratch.ts';

interface Flags extends SuiteFlags {
  readonly rounds?: number;
  readonly seconds?: number;
  readonly poolSize: number;
  readonly rate: number;
}

export function fairnessCommand(): Command {
  const command = new Command('fairness')
    .description('what slow statements do to the latency of fast ones: Postgres alone, PgBouncer and ours')
    .option('--rounds <n>', 'runs of each peer (default: 3; quick: 1)', count(1, 100))
    .option('--seconds <n>', 'length of a run (default: 8; quick: 3)', count(1, 3600))
    .option('--pool-size <n>', 'backends of each pooler', count(1, 300), 20)
    .option('--rate <n>', 'fast statements a second', count(1, 1_000_000), 4000);
  return addSuiteOptions(command).action(run);
}

async function run(flags: Flags): Promise<void> {
  const quick = flags.quick ?? false;
  const plan: FairnessPlan = {
    rounds: flags.rounds ?? (quick ? 1 : 3),
    seconds: flags.seconds ?? (quick ? 3 : 8),
    transport: flags.transport,
    poolSize: flags.poolSize,
    fastClients: 48,
    fastPerSecond: flags.rate,
  };
  const machine = describeMachine();
  await withScratch(async (scratch) => {
    checkMachine({ folder: scratch.folder, diskMiB: 2 * postgresMiB, descriptors: 1024 });
    const outcome = await benchFairness(scratch, plan, say);
    const report = fairnessReport(machine, plan, outcome, shownCommand());
    process.stdout.write(report);
    if (flags.out !== undefined) writeFileSync(flags.out, report);
    writeRuns(flags.json, 'fairness', machine, plan, outcome);
  });
}
