import { aligned } from '../cluster/table.ts';
import {
  componentName,
  lsnText,
  memberName,
  ruleText,
  shardState,
  type MemberView,
  type ShardView,
} from './shard-view.ts';

/** An orchestrator, and whether it answers. */
export interface AskedOrchestrator {
  readonly name: string;
  readonly answers: boolean;
}

export interface ShardReport {
  /** `database/table group/shard`. */
  readonly shard: string;
  readonly view: ShardView;
  readonly orchestrators: readonly AskedOrchestrator[];
}

/** For people. */
export function shardLines({ shard, view, orchestrators }: ShardReport): readonly string[] {
  const rows = view.members.map((member) => [
    member.name,
    member.role,
    member.part === 'none' ? '-' : member.part,
    member.health === 'healthy' ? 'healthy' : words[member.health],
    member.rule === undefined ? '-' : `${member.rule}${member.decided ? '' : '?'}`,
    String(member.timeline ?? '-'),
    lsnText(member.lsn),
    member.lagBytes === undefined || member.role === 'leader' ? '-' : bytesText(member.lagBytes),
  ]);
  const head = ['MEMBER', 'ROLE', 'PART', 'HEALTH', 'RULE', 'TIMELINE', 'POSITION', 'LAG'];
  return [
    ...heading(shard, view),
    '',
    ...aligned([head, ...rows]),
    ...view.members.filter(({ reason }) => reason !== undefined).map(({ name, reason }) => `${name}: ${reason}`),
    '',
    `orchestrators: ${orchestrators.map(orchestratorText).join(', ') || 'none is registered'}`,
    summary(view),
  ];
}

const words: Readonly<Record<MemberView['health'], string>> = {
  healthy: 'healthy',
  closed: 'closed',
  joining: 'joining',
  notStreaming: 'not streaming',
  diverged: 'diverged',
  busy: 'busy',
  idle: 'idle',
  postgresDown: 'postgres down',
  noData: 'no data',
  unusableData: 'unusable data',
  silent: 'silent',
  alone: 'no member',
};

function heading(shard: string, { rule, decided, systemIdentifier }: ShardView): readonly string[] {
  if (rule === undefined) return [`shard ${shard}: no rule is known`];
  const { policy, number } = rule;
  const by =
    number?.ballot?.coordinator === undefined ? '' : `, coordinated by ${componentName(number.ballot.coordinator)}`;
  return [
    `shard ${shard}, system identifier ${systemIdentifier}`,
    `rule ${ruleText(number)} (${decided ? 'decided' : 'proposed'})${by}; quorum: ${policy?.name ?? '?'} with N = ${policy?.n ?? '?'}`,
  ];
}

const orchestratorText = ({ name, answers }: AskedOrchestrator): string => (answers ? name : `${name} (silent)`);

function summary(view: ShardView): string {
  const state = shardState(view);
  if (state === 'healthy') return `healthy: ${view.leader} leads`;
  if (state === 'degraded') return `degraded: ${view.leader} leads, but not all members are healthy`;
  return view.rule === undefined ? 'leaderless: the shard has not begun' : 'leaderless: no member serves writes now';
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Math.round(bytes / 1024 ** power)} ${units[power]}`;
}

/** For programs. Positions are texts as Postgres writes them; a system identifier does not fit a number of JSON. */
export function shardJson({ shard, view, orchestrators }: ShardReport): string {
  const { rule } = view;
  return JSON.stringify({
    shard,
    state: shardState(view),
    leader: view.leader ?? null,
    open: view.open,
    systemIdentifier: String(view.systemIdentifier),
    rule:
      rule === undefined
        ? null
        : {
            number: ruleText(rule.number) ?? null,
            coordinator:
              rule.number?.ballot?.coordinator === undefined ? null : componentName(rule.number.ballot.coordinator),
            nonce: rule.number?.ballot?.nonce ?? null,
            decided: view.decided,
            leader: rule.leader === undefined ? null : memberName(rule.leader),
            voters: rule.voters.map(memberName),
            learners: rule.learners.map(memberName),
            policy: rule.policy === undefined ? null : { name: rule.policy.name, n: rule.policy.n },
            timeline: rule.timeline,
            timelineStart: lsnText(rule.timelineStartLsn),
          },
    members: view.members.map(({ lsn, lagBytes, ...member }) => ({
      name: member.name,
      cell: member.cell,
      incarnation: member.incarnation ?? null,
      role: member.role,
      part: member.part,
      rule: member.rule ?? null,
      decided: member.decided,
      position: lsn === undefined ? null : lsnText(lsn),
      timeline: member.timeline ?? null,
      lagBytes: lagBytes ?? null,
      health: member.health,
      ...(member.reason === undefined ? {} : { reason: member.reason }),
    })),
    orchestrators: orchestrators.map(({ name, answers }) => ({ name, answers })),
  });
}
