import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { describeMachine } from './machine/machine.ts';
import { checkMachine } from './machine/preflight.ts';
import { addSuiteOptions, count, say, shownCommand, writeRuns, type SuiteFlags } from './option-values.ts';
import { postgresMiB } from './peers/postgres.ts';
import { churnReport } from './report/churn-report.ts';
import { benchChurn, type ChurnPlan } from './suites/churn.ts';
import { withScratch } from './with-scratch.ts';

interface Flags extends SuiteFlags {
  readonly rounds?: number;
  readonly seconds?: number;
  readonly minutes?: number;
  readonly rate?: number;
  readonly clients: number;
  readonly poolSize: number;
}

export function churnCommand(): Command {
  const command = new Command('churn')
    .description('clients that come and go: connections a second, with and without passwords; memory under trouble')
    .option('--rounds <n>', 'runs of each peer (default: 3; quick: 1)', count(1, 100))
    .option('--seconds <n>', 'length of a run (default: 5; quick: 2)', count(1, 3600))
    .option('--minutes <n>', 'how long ours is troubled (default: 5; quick: 1; 0: not at all)', count(0, 10_000))
    .option(
      '--rate <n>',
      'sessions a second while it is troubled, half of them troublesome (default: as many as go)',
      count(2, 100_000),
    )
    .option('--clients <n>', 'connections at a time', count(1, 300), 16)
    .option('--pool-size <n>', 'backends of each pooler', count(1, 300), 16);
  return addSuiteOptions(command).action(run);
}

async function run(flags: Flags): Promise<void> {
  const quick = flags.quick ?? false;
  const plan: ChurnPlan = {
    rounds: flags.rounds ?? (quick ? 1 : 3),
    seconds: flags.seconds ?? (quick ? 2 : 5),
    clients: flags.clients,
    transport: flags.transport,
    poolSize: flags.poolSize,
    troubleMinutes: flags.minutes ?? (quick ? 1 : 5),
    ...(flags.rate === undefined ? {} : { perSecond: flags.rate }),
  };
  const machine = describeMachine();
  await withScratch(async (scratch) => {
    checkMachine({ folder: scratch.folder, diskMiB: postgresMiB, descriptors: 1024 });
    const outcome = await benchChurn(scratch, plan, say);
    const report = churnReport(machine, plan, outcome, shownCommand());
    process.stdout.write(report);
    if (flags.out !== undefined) writeFileSync(flags.out, report);
    writeRuns(flags.json, 'churn', machine, plan, outcome);
  });
}
