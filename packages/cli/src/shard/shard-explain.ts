import type { Decision, ExplainShardResponse, ObservedPooler, Problem } from '@multigres/rpc';
import { explained, type OrderFlags } from './shard-orders.ts';
import { componentName, memberName, ruleText, shardView } from './shard-view.ts';

/** `shard explain`: an orchestrator's view in sentences. */
export async function explainShard(flags: OrderFlags): Promise<void> {
  const answer = await explained(flags);
  process.stdout.write(`${flags.json ? explanationJson(answer) : explanationLines(answer).join('\n')}\n`);
}

export function explanationLines({
  orchestrator,
  rule,
  poolers,
  problems,
  decisions,
}: ExplainShardResponse): readonly string[] {
  const who = orchestrator === undefined ? 'an orchestrator' : componentName(orchestrator);
  const leads =
    rule?.leader === undefined
      ? 'knows of no rule yet'
      : `knows rule ${ruleText(rule.number)}: ${memberName(rule.leader)} leads`;
  return [
    `${who} ${leads}`,
    '',
    'what it sees',
    ...(poolers.length === 0 ? ['  no pooler'] : poolers.map((pooler) => `  ${observedText(pooler)}`)),
    '',
    'what is wrong',
    ...(problems.length === 0 ? ['  nothing'] : problems.flatMap(problemLines)),
    '',
    'what it did, newest first',
    ...(decisions.length === 0 ? ['  nothing'] : decisions.map((decision) => `  ${decisionText(decision)}`)),
  ];
}

function observedText({ id, status, silentMs, connected }: ObservedPooler): string {
  const name = id === undefined ? '?' : componentName(id);
  const heard = connected ? '' : `, silent for ${silentMs} ms`;
  if (id === undefined || status === undefined) return `${name}: never heard of${heard}`;
  const [member] = shardView([{ id, status }]).members;
  const health = member?.reason === undefined ? member?.health : `${member.health} (${member.reason})`;
  return `${name}: ${member?.role}, ${health}, rule ${member?.rule ?? 'unknown'}${heard}`;
}

function problemLines({ kind, explanation, remedy }: Problem): readonly string[] {
  return [`  ${kind}: ${explanation}`, ...(remedy === '' ? [] : [`    ${remedy}`])];
}

function decisionText({ atMs, problem, action, outcome }: Decision): string {
  const at = new Date(Number(atMs)).toISOString();
  return `${at}  ${problem === '' ? '' : `${problem}: `}${action}${outcome === '' ? ' (under way)' : `: ${outcome}`}`;
}

function explanationJson({ orchestrator, rule, poolers, problems, decisions }: ExplainShardResponse): string {
  return JSON.stringify({
    orchestrator: orchestrator === undefined ? null : componentName(orchestrator),
    rule: ruleText(rule?.number) ?? null,
    leader: rule?.leader === undefined ? null : memberName(rule.leader),
    poolers: poolers.map(({ id, connected, silentMs }) => ({
      name: id === undefined ? null : componentName(id),
      connected,
      silentMs,
    })),
    problems: problems.map(({ kind, explanation, remedy }) => ({ kind, explanation, remedy })),
    decisions: decisions.map(({ atMs, problem, action, outcome }) => ({
      at: new Date(Number(atMs)).toISOString(),
      problem,
      action,
      outcome,
    })),
  });
}
