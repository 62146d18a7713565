import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { describeMachine } from './machine/machine.ts';
import { checkMachine } from './machine/preflight.ts';
import { count, say, shownCommand } from './option-values.ts';
import { postgresMiB } from './peers/postgres.ts';
import { failoverReport } from './report/failover-report.ts';
import { benchFailover, injuries, type FailoverPlan, type InjuryKind } from './suites/failover.ts';
import { withScratch } from './with-scratch.ts';

interface Flags {
  readonly quick?: boolean;
  readonly json?: string;
  readonly out?: string;
  readonly rounds?: number;
  readonly connections: number;
  readonly kinds: readonly InjuryKind[];
}

export function failoverCommand(): Command {
  return new Command('failover')
    .description('how long writes pause, and which errors clients see, when the leader is lost or changed')
    .option('--quick', 'few rounds, for a first impression')
    .option('--json <file>', 'write every single round to a file')
    .option('--out <file>', 'write the report to a file, too')
    .option('--rounds <n>', 'of each kind (default: 30; quick: 3)', count(1, 1000))
    .option('--connections <n>', 'that write all the time', count(1, 500), 16)
    .option('--kinds <list>', `of ${injuries.join(', ')}`, kindList, [...injuries])
    .action(run);
}

function kindList(text: string): InjuryKind[] {
  return text.split(',').map((name) => {
    const kind = injuries.find((known) => known === name);
    if (kind === undefined) throw new InvalidArgumentError(`"${name}" is none of ${injuries.join(', ')}.`);
    return kind;
  });
}

async function run(flags: Flags): Promise<void> {
  const rounds = flags.rounds ?? (flags.quick === true ? 3 : 30);
  const plan: FailoverPlan = { kinds: flags.kinds, rounds, connections: flags.connections };
  const machine = describeMachine();
  await withScratch(async (scratch) => {
    checkMachine({ folder: scratch.folder, diskMiB: 3 * postgresMiB, descriptors: 1024 });
    const measured = await benchFailover(scratch, plan, say);
    const report = failoverReport(machine, plan, measured, shownCommand());
    process.stdout.write(report);
    if (flags.out !== undefined) writeFileSync(flags.out, report);
    if (flags.json === undefined) return;
    const told = measured.map((round) => ({ ...round, errors: Object.fromEntries(round.errors) }));
    writeFileSync(flags.json, `${JSON.stringify({ suite: 'failover', machine, plan, rounds: told }, undefined, 1)}\n`);
  });
}
