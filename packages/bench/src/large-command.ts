import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { describeMachine } from './machine/machine.ts';
import { checkMachine } from './machine/preflight.ts';
import { addSuiteOptions, count, say, shownCommand, writeRuns, type SuiteFlags } from './option-values.ts';
import { postgresMiB } from './peers/postgres.ts';
import { largeReport } from './report/large-report.ts';
import { benchLarge, type LargePlan } from './suites/large.ts';
import { withScratch } from './with-scratch.ts';

interface Flags extends SuiteFlags {
  readonly rounds?: number;
  readonly mebibytes?: number;
}

export function largeCommand(): Command {
  const command = new Command('large')
    .description('large results at Postgres alone, PgBouncer and ours: throughput and memory')
    .option('--rounds <n>', 'runs of each peer (default: 3; quick: 1)', count(1, 100))
    .option('--mebibytes <n>', 'size of a result (default: 1024; quick: 256)', count(16, 100_000));
  return addSuiteOptions(command).action(run);
}

async function run(flags: Flags): Promise<void> {
  const quick = flags.quick ?? false;
  const plan: LargePlan = {
    rounds: flags.rounds ?? (quick ? 1 : 3),
    mebibytes: flags.mebibytes ?? (quick ? 256 : 1024),
    transport: flags.transport,
  };
  const machine = describeMachine();
  await withScratch(async (scratch) => {
    checkMachine({ folder: scratch.folder, diskMiB: postgresMiB, descriptors: 1024 });
    const outcome = await benchLarge(scratch, plan, say);
    const report = largeReport(machine, plan, outcome, shownCommand());
    process.stdout.write(report);
    if (flags.out !== undefined) writeFileSync(flags.out, report);
    writeRuns(flags.json, 'large', machine, plan, outcome);
  });
}
