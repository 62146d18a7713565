import { formatLsn, type Lsn } from '@multigres/core';
import {
  DataState,
  MemberRole,
  type ComponentIdMessage,
  type MemberId,
  type MemberStatus,
  type PoolerStatus,
  type Rule,
  type RuleNumber,
} from '@multigres/rpc';
import { compareRuleNumbers } from '@multigres/consensus';

/** A component of a cluster. */
export type ComponentName = Pick<ComponentIdMessage, 'cell' | 'name'>;

/** A pooler of the shard, and what it says; undefined if it does not answer. */
export interface AskedPooler {
  readonly id: ComponentName;
  readonly status: PoolerStatus | undefined;
}

export type MemberHealth =
  | 'healthy'
  /** A leader that serves no writes now. */
  | 'closed'
  /** A follower whose acknowledgements do not count yet. */
  | 'joining'
  | 'notStreaming'
  | 'diverged'
  | 'busy'
  | 'idle'
  | 'postgresDown'
  | 'noData'
  | 'unusableData'
  | 'silent'
  | 'alone';

export interface MemberView {
  /** `zone1/pooler-1`. */
  readonly name: string;
  readonly cell: string;
  readonly incarnation: string | undefined;
  readonly role: 'leader' | 'proposing' | 'resigned' | 'follower' | 'idle' | 'unknown';
  /** Under the newest rule that anybody knows. */
  readonly part: 'voter' | 'learner' | 'none';
  /** The newest rule in its log, `TERM.SUBTERM`. */
  readonly rule: string | undefined;
  readonly decided: boolean;
  readonly timeline: number | undefined;
  /** How far its log is flushed (leader) or replayed (follower). */
  readonly lsn: Lsn | undefined;
  /** Behind the leader, bytes. */
  readonly lagBytes: number | undefined;
  readonly health: MemberHealth;
  /** Why it is not healthy, for people. */
  readonly reason: string | undefined;
}

export interface ShardView {
  readonly rule: Rule | undefined;
  /** The newest rule was seen as decided by somebody. */
  readonly decided: boolean;
  readonly leader: string | undefined;
  /** The leader serves writes now. */
  readonly open: boolean;
  readonly systemIdentifier: bigint;
  readonly members: readonly MemberView[];
}

export type ShardState = 'healthy' | 'degraded' | 'leaderless';

/** What all of them say, put together. The newest rule that anybody knows is the one that counts. */
export function shardView(poolers: readonly AskedPooler[]): ShardView {
  const positions = poolers.map(({ status }) => status?.member?.position).filter((position) => position !== undefined);
  const newest = positions.toSorted((a, b) => compareRuleNumbers(b.rule?.number, a.rule?.number))[0]?.rule;
  const isNewest = (number: RuleNumber | undefined): boolean => compareRuleNumbers(number, newest?.number) === 0;
  const leading = poolers.find(
    ({ status }) => leads(status?.member) && isNewest(status?.member?.position?.rule?.number),
  );
  const leaderLsn = leading?.status?.member?.position?.flushedLsn;
  const members = poolers
    .map((pooler) => memberView(pooler, newest, leaderLsn))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    rule: newest,
    decided: positions.some(({ rule, decided }) => decided && isNewest(rule?.number)),
    leader: newest?.leader === undefined ? undefined : memberName(newest.leader),
    open: leading?.status?.member?.open === true,
    systemIdentifier:
      poolers.find(({ status }) => (status?.member?.systemIdentifier ?? 0n) !== 0n)?.status?.member?.systemIdentifier ??
      0n,
    members,
  };
}

/** Healthy: an open leader, and every voter counts. */
export function shardState({ rule, open, members }: ShardView): ShardState {
  if (!open) return 'leaderless';
  const present = members.filter(({ part, health }) => part === 'voter' && health === 'healthy').length;
  return present === (rule?.voters.length ?? 0) && members.every(({ health }) => health === 'healthy')
    ? 'healthy'
    : 'degraded';
}

function leads(member: MemberStatus | undefined): boolean {
  return member?.role === MemberRole.LEADER || member?.role === MemberRole.RESIGNED;
}

const roles: Readonly<Record<number, MemberView['role']>> = {
  [MemberRole.IDLE]: 'idle',
  [MemberRole.FOLLOWER]: 'follower',
  [MemberRole.PROPOSING]: 'proposing',
  [MemberRole.LEADER]: 'leader',
  [MemberRole.RESIGNED]: 'resigned',
};

function memberView({ id, status }: AskedPooler, newest: Rule | undefined, leaderLsn: bigint | undefined): MemberView {
  const member = status?.member;
  const position = member?.position;
  const lsn = leads(member) || member?.following === undefined ? position?.flushedLsn : member.following.replayedLsn;
  return {
    name: componentName(id),
    cell: id.cell,
    incarnation: member?.member?.incarnation || undefined,
    role: roles[member?.role ?? MemberRole.UNSPECIFIED] ?? 'unknown',
    part: partOf(member?.member ?? undefined, id, newest),
    rule: ruleText(position?.rule?.number),
    decided: position?.decided === true,
    timeline: position === undefined || position.timeline === 0 ? undefined : position.timeline,
    lsn: lsn === undefined ? undefined : (lsn as Lsn),
    lagBytes: lsn === undefined || leaderLsn === undefined ? undefined : Math.max(0, Number(leaderLsn - lsn)),
    ...healthOf(status),
  };
}

/** A member counts as what it is now: the incarnation before a clone was another one. One that is silent is known by its pooler's name. */
function partOf(member: MemberId | undefined, id: ComponentName, rule: Rule | undefined): MemberView['part'] {
  const isIt = (other: MemberId): boolean =>
    other.pooler?.cell === id.cell &&
    other.pooler.name === id.name &&
    (member === undefined || member.incarnation === '' || member.incarnation === other.incarnation);
  if (rule?.voters.some(isIt)) return 'voter';
  return rule?.learners.some(isIt) ? 'learner' : 'none';
}

interface Health {
  readonly health: MemberHealth;
  readonly reason: string | undefined;
}

function healthOf(status: PoolerStatus | undefined): Health {
  if (status === undefined) return { health: 'silent', reason: 'its pooler does not answer' };
  const { member } = status;
  if (member === undefined) return { health: 'alone', reason: 'it is not configured as a member of a shard' };
  if (member.busy !== '') return { health: 'busy', reason: member.busy };
  if (member.data === DataState.NONE) return { health: 'noData', reason: 'it has no data directory yet' };
  if (member.data === DataState.UNUSABLE) {
    return { health: 'unusableData', reason: 'a rewind of its data directory was interrupted: it will be cloned' };
  }
  if (!member.postgresUp) return { health: 'postgresDown', reason: 'its Postgres does not answer' };
  return leads(member) || member.role === MemberRole.PROPOSING ? leaderHealth(member) : followerHealth(member);
}

function leaderHealth({ open, closedReason, commitStalledMs }: MemberStatus): Health {
  if (open) return { health: 'healthy', reason: undefined };
  const stalled = commitStalledMs > 0 ? `commits wait for the quorum since ${commitStalledMs} ms` : 'it does not serve';
  return { health: 'closed', reason: closedReason || stalled };
}

function followerHealth({ following, role }: MemberStatus): Health {
  if (following === undefined || role === MemberRole.IDLE) return { health: 'idle', reason: 'it follows nobody' };
  if (following.diverged) return { health: 'diverged', reason: "its log has parted from the leader's" };
  if (!following.streaming)
    return { health: 'notStreaming', reason: following.trouble || 'it does not stream from the leader' };
  if (!following.joined) return { health: 'joining', reason: "it has not replayed the leader's rule yet" };
  return { health: 'healthy', reason: undefined };
}

export const componentName = ({ cell, name }: ComponentName): string => `${cell}/${name}`;

export const memberName = ({ pooler }: MemberId): string => (pooler === undefined ? '?' : componentName(pooler));

/** `TERM.SUBTERM`; undefined if there is none. */
export function ruleText(number: RuleNumber | undefined): string | undefined {
  return number?.ballot === undefined ? undefined : `${number.ballot.term}.${number.subterm}`;
}

export const lsnText = (lsn: Lsn | bigint | undefined): string => (lsn === undefined ? '-' : formatLsn(lsn as Lsn));
