import { Command, InvalidArgumentError } from 'commander';
import { exitCode } from '../errors.ts';
import { wholeNumber } from '../option-values.ts';
import { askShard } from './ask-shard.ts';
import { addShardOptions, shardParts, type ShardFlags } from './shard-access.ts';
import { explainShard } from './shard-explain.ts';
import { addMember, failover, removeMember, setPolicy, switchover, type OrderFlags } from './shard-orders.ts';
import { shardJson, shardLines } from './shard-table.ts';
import { shardState, type ShardState } from './shard-view.ts';
import { watchShard } from './shard-watch.ts';

interface StatusFlags extends ShardFlags {
  readonly json: boolean;
  readonly watch: boolean;
}

const exitCodes: Readonly<Record<ShardState, number>> = {
  healthy: exitCode.ok,
  degraded: exitCode.failure,
  leaderless: exitCode.stopped,
};

/** `multigres shard`: how a shard is kept, and orders to those who keep it. */
export function shardCommand(): Command {
  return new Command('shard')
    .description('See how a shard is kept, and tell its orchestrators what to change.')
    .addCommand(statusCommand())
    .addCommand(
      order('switchover', 'Another member leads, without an error for any client.')
        .argument('[pooler]', 'the successor: NAME or CELL/NAME (default: the orchestrator chooses)')
        .option('--drain <ms>', 'how long transactions may take to end', wholeNumber(1, 600_000), 10_000)
        .action((pooler: string | undefined, flags: OrderFlags & { readonly drain: number }) =>
          switchover(pooler, flags),
        ),
    )
    .addCommand(
      order('failover', 'Another member leads, without asking the one that does; its transactions end.')
        .argument('[pooler]', 'the successor: NAME or CELL/NAME (default: the orchestrator chooses)')
        .action((pooler: string | undefined, flags: OrderFlags) => failover(pooler, flags)),
    )
    .addCommand(
      order('add', 'A pooler becomes a member: cloned if need be, then a voter.')
        .argument('<pooler>', 'NAME or CELL/NAME')
        .option('--learner', 'it stays a learner: it follows and does not vote', false)
        .action((pooler: string, flags: OrderFlags & { readonly learner: boolean }) => addMember(pooler, flags)),
    )
    .addCommand(
      order('remove', 'A pooler is a member no more.')
        .argument('<pooler>', 'NAME or CELL/NAME; the latter also for one that is gone')
        .action((pooler: string, flags: OrderFlags) => removeMember(pooler, flags)),
    )
    .addCommand(
      order('set-policy', 'What is a quorum.')
        .argument('<name>', 'AT_LEAST_N or MULTI_CELL_AT_LEAST_N', policyName)
        .argument('<n>', 'how many members or cells, the leader included', wholeNumber(1, 100))
        .action((name: string, n: number, flags: OrderFlags) => setPolicy(name, n, flags)),
    )
    .addCommand(
      order('explain', 'What an orchestrator sees, judges and has done.').action((flags: OrderFlags) =>
        explainShard(flags),
      ),
    );
}

function statusCommand(): Command {
  const command = new Command('status')
    .description('Members with role, rule, position and health. Exit code: 0 healthy, 1 degraded, 3 no leader.')
    .option('--json', 'one line of JSON, for programs', false)
    .option('--watch', 'a live view, until interrupted', false);
  return addShardOptions(command).action((flags: StatusFlags) => status(flags));
}

function order(name: string, description: string): Command {
  const command = new Command(name)
    .description(description)
    .option('--json', 'one line of JSON, for programs', false)
    .option('--orch <name>', 'the orchestrator to ask (default: any that answers)');
  return addShardOptions(command);
}

function policyName(text: string): string {
  if (!/^[A-Z][A-Z0-9_]*$/.test(text))
    throw new InvalidArgumentError('Names of policies are written in capitals: AT_LEAST_N.');
  return text;
}

async function status(flags: StatusFlags): Promise<void> {
  const parts = await shardParts(flags);
  if (flags.watch) {
    await watchShard(flags, parts);
    return;
  }
  const report = await askShard(flags.shard, parts);
  const lines = flags.json ? [shardJson(report)] : shardLines(report);
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = exitCodes[shardState(report.view)];
}
