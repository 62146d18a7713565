import { PgError, type Fate } from '@multigres/core';
import { client, OrchService, type Rule, type RpcClient } from '@multigres/rpc';
import { withChannel } from '../cluster/calls.ts';
import { CliError } from '../errors.ts';
import { shardParts, shardText, type Reachable, type ShardFlags, type ShardParts } from './shard-access.ts';
import { componentName, memberName, ruleText, type ComponentName } from './shard-view.ts';

export interface OrderFlags extends ShardFlags {
  readonly json: boolean;
  /** `NAME` or `CELL/NAME` of the orchestrator to ask; any that answers if absent. */
  readonly orch?: string;
}

type Orch = RpcClient<typeof OrchService>;

/** A switchover waits for transactions to end. */
const changeMs = 120_000;
/** A new member is cloned first. */
const addMs = 1_800_000;
const quickMs = 3_000;

/**
 * Runs `order` at one orchestrator. Only one that answers is asked, and no second one after that: an order whose answer was lost may have been
 * carried out.
 */
async function atOrchestrator<T>(parts: ShardParts, flags: OrderFlags, order: (orch: Orch) => Promise<T>): Promise<T> {
  const candidates =
    flags.orch === undefined ? parts.orchestrators : [named(parts.orchestrators, flags.orch, 'orchestrator')];
  for (const { endpoint } of candidates) {
    const answer = await withChannel(endpoint, async (channel) => {
      const orch = client(OrchService, channel);
      const answers = await orch.getStatus({}, { deadlineMs: quickMs }).then(
        () => true,
        () => false,
      );
      return answers ? { value: await order(orch) } : undefined;
    });
    if (answer !== undefined) return answer.value;
  }
  throw new CliError('no orchestrator answers', {
    hint: 'See which there are and whether they run: ./mg shard status.',
  });
}

/** `pooler-2` or `zone2/pooler-2`. */
function named<R extends Pick<Reachable, 'id'>>(all: readonly R[], name: string, kind: string): R {
  const found = all.filter(({ id }) => id.name === name || componentName(id) === name);
  if (found.length === 1) return found[0] as R;
  const names = all.map(({ id }) => componentName(id)).toSorted();
  if (found.length > 1)
    throw new CliError(`there are several called ${name}`, { hint: `Name one: ${names.join(', ')}.` });
  throw new CliError(`there is no ${kind} ${name} here`, {
    hint: names.length === 0 ? `No ${kind} is registered.` : `There are: ${names.join(', ')}.`,
  });
}

interface Changed {
  readonly rule?: Rule | undefined;
}

/** One change of a shard: asks for it and tells the rule that it led to. */
async function change(
  flags: OrderFlags,
  pooler: string | undefined,
  order: (orch: Orch, pooler: ComponentName | undefined) => Promise<Changed>,
  told: (rule: Rule | undefined, changed: Changed) => string,
  shouldLead = false,
): Promise<void> {
  const parts = await shardParts(flags);
  const id = pooler === undefined ? undefined : named(parts.poolers, pooler, 'pooler').id;
  const changed = await atOrchestrator(parts, flags, (orch) => order(orch, id)).catch(inPlainWords);
  const leader = changed.rule?.leader?.pooler;
  if (shouldLead && id !== undefined && leader !== undefined && componentName(leader) !== componentName(id)) {
    process.stderr.write(`note: ${componentName(id)} was asked for, but another member's log was ahead of its own\n`);
  }
  const line = flags.json ? changeJson(flags, changed) : told(changed.rule, changed);
  process.stdout.write(`${line}\n`);
}

const unknown: Fate = 'unknown';

/** What an orchestrator refuses is told as it said it; an answer that was lost means that nobody knows. */
function inPlainWords(error: unknown): never {
  if (!(error instanceof PgError)) throw error;
  const { message, detail, hint } = error.report;
  const isLost = error.fate === unknown;
  throw new CliError(isLost ? `it is not known whether this was done: ${message}` : message, {
    ...(detail === undefined ? {} : { quoted: detail.split('\n') }),
    hint: hint ?? (isLost ? 'See how it came out: ./mg shard status.' : undefined),
    cause: error,
  });
}

function changeJson({ shard }: OrderFlags, { rule, ...more }: Changed & { readonly pausedMs?: number }): string {
  return JSON.stringify({
    shard: shardText(shard),
    rule: ruleText(rule?.number) ?? null,
    leader: rule?.leader === undefined ? null : memberName(rule.leader),
    voters: (rule?.voters ?? []).map(memberName),
    learners: (rule?.learners ?? []).map(memberName),
    ...(more.pausedMs === undefined ? {} : { pausedMs: more.pausedMs }),
  });
}

const leaderText = (rule: Rule | undefined): string =>
  rule?.leader === undefined ? 'nobody' : memberName(rule.leader);
const votersText = (rule: Rule | undefined): string => (rule?.voters ?? []).map(memberName).join(', ') || 'nobody';

export function switchover(
  successor: string | undefined,
  flags: OrderFlags & { readonly drain: number },
): Promise<void> {
  return change(
    flags,
    successor,
    (orch, id) =>
      orch.switchover(
        { shard: flags.shard, drainMs: flags.drain, ...(id && { successor: id }) },
        { deadlineMs: changeMs },
      ),
    (rule, changed) => {
      const { pausedMs } = changed as { readonly pausedMs?: number };
      return `${leaderText(rule)} leads under rule ${ruleText(rule?.number)}; no transaction could begin for ${pausedMs ?? 0} ms`;
    },
  );
}

export function failover(successor: string | undefined, flags: OrderFlags): Promise<void> {
  return change(
    flags,
    successor,
    (orch, id) => orch.failover({ shard: flags.shard, ...(id && { successor: id }) }, { deadlineMs: changeMs }),
    (rule) => `${leaderText(rule)} leads under rule ${ruleText(rule?.number)}`,
    true,
  );
}

export function addMember(pooler: string, flags: OrderFlags & { readonly learner: boolean }): Promise<void> {
  return change(
    flags,
    pooler,
    (orch, id) =>
      orch.addMember({ shard: flags.shard, learner: flags.learner, ...(id && { pooler: id }) }, { deadlineMs: addMs }),
    (rule) => `rule ${ruleText(rule?.number)}: ${votersText(rule)} vote`,
  );
}

export function removeMember(pooler: string, flags: OrderFlags): Promise<void> {
  const [cell, name] = pooler.split('/');
  return change(
    flags,
    // One that is gone for good is registered nowhere: its cell tells it from others of its name.
    name === undefined ? pooler : undefined,
    (orch, id) =>
      orch.removeMember(
        { shard: flags.shard, pooler: id ?? { cell: cell ?? '', name: name ?? '' } },
        { deadlineMs: changeMs },
      ),
    (rule) => `rule ${ruleText(rule?.number)}: ${votersText(rule)} vote`,
  );
}

export function setPolicy(name: string, n: number, flags: OrderFlags): Promise<void> {
  return change(
    flags,
    undefined,
    (orch) => orch.setPolicy({ shard: flags.shard, policy: { name, n } }, { deadlineMs: changeMs }),
    (rule) =>
      `rule ${ruleText(rule?.number)}: a quorum is ${rule?.policy?.name ?? '?'} with N = ${rule?.policy?.n ?? '?'}`,
  );
}

/** What one orchestrator sees, judges and has done. */
export async function explained(flags: OrderFlags): ReturnType<Orch['explainShard']> {
  const parts = await shardParts(flags);
  return atOrchestrator(parts, flags, (orch) =>
    orch.explainShard({ shard: flags.shard }, { deadlineMs: quickMs }),
  ).catch(inPlainWords);
}
