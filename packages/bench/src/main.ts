import { Command, CommanderError } from 'commander';
import { PgError } from '@multigres/core';
import { BenchError, exitCode } from './errors.ts';
import { churnCommand } from './churn-command.ts';
import { crowdCommand } from './crowd-command.ts';
import { failoverCommand } from './failover-command.ts';
import { fairnessCommand } from './fairness-command.ts';
import { largeCommand } from './large-command.ts';
import { proxyCommand } from './proxy-command.ts';

/** What went wrong in a few lines; a bug of ours keeps its stack. */
function failureLines(error: unknown): string[] {
  if (error instanceof BenchError) {
    const lines = [`bench: ${error.message}`, ...error.quoted.map((line) => `  | ${line}`)];
    return error.hint === undefined ? lines : [...lines, `hint: ${error.hint}`];
  }
  if (error instanceof PgError) {
    const { message, detail, hint } = error.report;
    return [
      `bench: ${message}`,
      ...(detail === undefined ? [] : [detail]),
      ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ];
  }
  return [`bench: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
}

async function run(args: readonly string[]): Promise<number> {
  const program = new Command('bench')
    .description('Measures us beside our peers. Starts everything it needs and leaves nothing behind.')
    .exitOverride()
    .enablePositionalOptions();
  for (const command of [
    proxyCommand(),
    crowdCommand(),
    fairnessCommand(),
    churnCommand(),
    largeCommand(),
    failoverCommand(),
  ])
    program.addCommand(command.exitOverride());
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode.ok;
  } catch (error) {
    // commander has already said what is wrong with the arguments, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    for (const line of failureLines(error)) process.stderr.write(`${line}\n`);
    return exitCode.failure;
  }
}

process.exitCode = await run(process.argv.slice(2));
