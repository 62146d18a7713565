import { compareBallots, compareRuleNumbers, hasDiverged, sameMember } from '@multigres/consensus';
import { DataState, MemberRole, type MemberStatus } from '@multigres/rpc';
import { claimsToLead, leadingNumber, type Head, type ShardView } from '../observe/shard-view.ts';
import type { ObservedMember } from '../observe/snapshot.ts';
import { isWanted } from './cohort.ts';
import type { Action, Finding } from './finding.ts';
import { patienceMs } from './rank.ts';

/** How long a follower may not stream, or not join, before its data directory is made again. */
const hopelessMs = 20_000;

/** A log that seems to have parted while nothing streams may only be on its way to the next timeline: so long it must look like that. */
const certainMs = 1_500;

/** What is wrong with those who should follow. Each is a matter of its own: none waits for another. */
export function followers(view: ShardView): Finding[] {
  const { head } = view;
  if (head === undefined) return [];
  return view.heard.flatMap((at) => {
    if (at.key === head.at.key) return [];
    const finding = troubleOf(view, head, at);
    return finding === undefined ? [] : [finding];
  });
}

function troubleOf(view: ShardView, head: Head, at: ObservedMember): Finding | undefined {
  const member = at.status?.member;
  if (member === undefined || member.busy !== '' || !isWanted(view, at)) return undefined;
  if (member.data === DataState.NONE || member.data === DataState.UNUSABLE) return noData(view, head, at, member);
  // A data directory whose promises nobody knows: it may neither serve nor be counted (an old backup, a lost file).
  if (member.member === undefined) return member.data === DataState.FINE ? noData(view, head, at, member) : undefined;
  if (compareBallots(member.promise?.ballot, head.number.ballot) > 0) return undefined;
  if (claimsToLead(at)) return staleLeader(view, head, at);
  if (hasParted(head, at, member)) return diverged(view, head, at);
  return notReplicating(view, head, at, member) ?? notJoining(view, head, at, member);
}

/** As it says itself, or as its log and the leader's tell: then it would never stream again. Its own promotions only it knows. */
function hasParted(head: Head, at: ObservedMember, member: MemberStatus): boolean {
  if (member.following?.diverged === true) return true;
  if (member.role !== MemberRole.FOLLOWER || member.following?.streaming === true || at.position === undefined)
    return false;
  return knowsItself(head) && hasDiverged({ ...at.position, attempts: [] }, head.at.position?.leaderships ?? []);
}

/** The leader's own account of its log has its own leadership in it: only then may others be measured by it. */
function knowsItself(head: Head): boolean {
  const last = head.at.position?.leaderships.at(-1);
  return compareBallots(last?.ballot, head.number.ballot) === 0;
}

/** It will stay: what others had beyond its log is over for good. */
function isSettled(head: Head): boolean {
  return head.isOpen && knowsItself(head);
}

function staleLeader(view: ShardView, head: Head, at: ObservedMember): Finding | undefined {
  const number = leadingNumber(at);
  if (number === undefined || compareRuleNumbers(number, head.number) >= 0) return undefined;
  return {
    ...{ kind: 'staleLeader', subject: at.key },
    explanation: `${at.key} believes that it leads, under an older rule.`,
    remedy: 'It is told who leads now.',
    action: setPrimary(head, at),
    afterMs: patienceMs(view),
  };
}

function notReplicating(view: ShardView, head: Head, at: ObservedMember, member: MemberStatus): Finding | undefined {
  const { following } = member;
  const isRight =
    member.role === MemberRole.FOLLOWER &&
    sameMember(following?.leader, head.member) &&
    compareBallots(following?.rule?.ballot, head.number.ballot) === 0;
  if (isRight && following?.streaming === true) return undefined;
  // Only while there was somebody to follow.
  const sinceMs = view.nowMs - Math.max(at.notFollowingMs ?? view.nowMs, head.at.roleSinceMs);
  const why = following?.trouble === undefined || following.trouble === '' ? '' : ` (${following.trouble})`;
  const explanation = isRight
    ? `${at.key} follows ${head.at.key}, but does not stream${why}.`
    : `${at.key} does not follow ${head.at.key}.`;
  const problem = { kind: 'notReplicating', subject: at.key, explanation } as const;
  const isHopeless = sinceMs > hopelessMs && isSettled(head);
  const again = { remedy: 'Its data directory is made again.', action: rejoin(head, at, false) };
  if (!isRight) {
    // What Postgres cannot even be started with will never follow: its log has parted in a way that its start refuses, or is damaged.
    if (isHopeless && !member.postgresUp) return { ...problem, ...again, afterMs: patienceMs(view) };
    const afterMs = patienceMs(view) + (view.head?.role === MemberRole.PROPOSING ? view.tuning.heartbeatMs : 0);
    return { ...problem, remedy: 'It is told whom to follow.', action: setPrimary(head, at), afterMs };
  }
  if (isHopeless) return { ...problem, ...again, afterMs: patienceMs(view) };
  return {
    ...problem,
    remedy: 'It is told again whom to follow.',
    action: setPrimary(head, at),
    afterMs: 3_000 + patienceMs(view),
  };
}

/** It streams, and its log does not get as far as the row of the leader's rule: either it has far to go, or it forked where nobody could see it. */
function notJoining(view: ShardView, head: Head, at: ObservedMember, member: MemberStatus): Finding | undefined {
  const { following } = member;
  if (following === undefined || following.joined || !isSettled(head)) return undefined;
  if (view.nowMs - (at.notFollowingMs ?? view.nowMs) <= hopelessMs) return undefined;
  if (following.replayedLsn < following.receivedLsn) return undefined;
  return {
    ...{ kind: 'notJoining', subject: at.key },
    explanation: `${at.key} streams, but the leader's rule does not appear in its log.`,
    remedy: 'It is cloned.',
    action: rejoin(head, at, true),
    afterMs: patienceMs(view),
  };
}

function diverged(view: ShardView, head: Head, at: ObservedMember): Finding {
  const problem = {
    kind: 'diverged',
    subject: at.key,
    explanation: `The log of ${at.key} has parted from the leader's.`,
  } as const;
  if (!isSettled(head)) {
    const needsHelp = head.role === MemberRole.PROPOSING || head.role === MemberRole.LEADER;
    if (!needsHelp || !knowsItself(head)) return { ...problem, remedy: 'It waits for a leader that is open.' };
    // Where nobody's log goes on with the leader's, nobody else could ever decide its rule, nor make up the quorum that it lacks.
    const remedy = 'It is rewound where that is proved right: the leader may need it for its quorum.';
    return { ...problem, remedy, action: rejoin(head, at, false, true), afterMs: certainMs + patienceMs(view) };
  }
  const remedy = 'It is rewound where that is proved right, else cloned.';
  const isItsOwnWord = at.status?.member?.following?.diverged === true;
  const afterMs = (isItsOwnWord ? 0 : certainMs) + patienceMs(view);
  return { ...problem, remedy, action: rejoin(head, at, false), afterMs };
}

function noData(view: ShardView, head: Head, at: ObservedMember, member: MemberStatus): Finding {
  const what = member.data === DataState.NONE ? 'has no data directory' : 'has a data directory that may not be used';
  const problem = { kind: 'noData', subject: at.key, explanation: `${at.key} ${what}.` } as const;
  const [own, leaders] = [majorOf(at), majorOf(head.at)];
  if (own !== 0 && leaders !== 0 && own !== leaders) {
    const remedy = `Nothing: its Postgres is of version ${own}, the leader's of ${leaders}.`;
    return { ...problem, kind: 'mixedMajors', remedy };
  }
  if (!head.isOpen) return { ...problem, remedy: 'It waits for a leader that is open.' };
  return {
    ...problem,
    remedy: `It is cloned from ${head.at.key}.`,
    action: rejoin(head, at, true),
    afterMs: patienceMs(view),
  };
}

/** PostgreSQL documentation, "server_version_num": the last four digits are the minor version. */
export function majorOf({ status }: ObservedMember): number {
  return Math.floor((status?.postgres?.versionNumber ?? 0) / 10_000);
}

function setPrimary(head: Head, at: ObservedMember): Action {
  return { kind: 'setPrimary', pooler: at.key, rule: head.number, leader: head.member };
}

function rejoin(head: Head, at: ObservedMember, clone: boolean, rewindOnly: boolean = false): Action {
  const leaderships = head.at.position?.leaderships ?? [];
  const incarnation = at.status?.member?.member?.incarnation ?? '';
  const { number: rule, member: leader } = head;
  return { kind: 'rejoin', pooler: at.key, incarnation, clone, rewindOnly, rule, leader, leaderships };
}
