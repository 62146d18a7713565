import type { MemberId, Policy, Rule } from '@multigres/rpc';
import type { PgError } from '@multigres/core';
import {
  leaderIsNoVoter,
  memberTwice,
  noVoters,
  policyCannotBeMet,
  policyNeedsNumber,
  unknownPolicy,
} from './errors.ts';
import { distinctMembers, isAmong, memberKey, samePooler } from './member.ts';

/** One way to say what a quorum is. Adding members to a quorum must leave it one. */
export interface PolicyKind {
  /** Whether these voters, each given once, are a quorum. */
  isQuorum(n: number, voters: readonly MemberId[]): boolean;
  /**
   * How many of `others` can at most be joined to `sure` without making a quorum; -1 if `sure` alone is one. It decides how many
   * acknowledgements PostgreSQL must wait for, whoever they come from: too high is safe, too low loses data.
   */
  largestWithout(n: number, others: readonly MemberId[], sure: readonly MemberId[]): number;
}

/** The policies that there are, by the name in `Policy.name`. */
export type PolicyKinds = Readonly<Record<string, PolicyKind>>;

/** Any n voters, the leader included. */
const atLeastN: PolicyKind = {
  isQuorum: (n, voters) => voters.length >= n,
  largestWithout: (n, others, sure) => (sure.length >= n ? -1 : Math.min(others.length, n - 1 - sure.length)),
};

/** Voters in any n cells, the leader's included. PostgreSQL cannot count cells, so it waits for so many voters that n cells are certain. */
const multiCellAtLeastN: PolicyKind = {
  isQuorum: (n, voters) => new Set(voters.map(cellOf)).size >= n,
  largestWithout: (n, others, sure) => {
    const sureCells = new Set(sure.map(cellOf));
    if (sureCells.size >= n) return -1;
    const sizes = new Map<string, number>();
    for (const cell of others.map(cellOf)) sizes.set(cell, (sizes.get(cell) ?? 0) + 1);
    const free = others.filter((other) => sureCells.has(cellOf(other))).length;
    const largest = [...sizes].filter(([cell]) => !sureCells.has(cell)).map(([, size]) => size);
    largest.sort((a, b) => b - a);
    return largest.slice(0, n - 1 - sureCells.size).reduce((sum, size) => sum + size, free);
  },
};

/** What this version knows. Another kind is added here, or handed to the functions that take `PolicyKinds`. */
export const policyKinds: PolicyKinds = { AT_LEAST_N: atLeastN, MULTI_CELL_AT_LEAST_N: multiCellAtLeastN };

/** Throws 0A000 for a policy that is not known: nobody may guess what its quorums are. */
export function policyKindOf(policy: Policy | undefined, kinds: PolicyKinds = policyKinds): PolicyKind {
  const name = policy?.name ?? '';
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) throw unknownPolicy(name, Object.keys(kinds));
  return kind;
}

/** Whether those of `members` that vote are a quorum. Who does not vote does not count, the leader included. Throws 0A000. */
export function isQuorum(
  policy: Policy | undefined,
  members: readonly MemberId[],
  voters: readonly MemberId[],
  kinds: PolicyKinds = policyKinds,
): boolean {
  const counted = distinctMembers(members).filter((member) => isAmong(member, voters));
  return policyKindOf(policy, kinds).isQuorum(policy?.n ?? 0, counted);
}

/** Why this rule can be no rule, with what to do about it; undefined if it can. */
export function refusePolicy(rule: Rule, kinds: PolicyKinds = policyKinds): PgError | undefined {
  const { policy, voters, learners, leader } = rule;
  if (!Object.hasOwn(kinds, policy?.name ?? '')) return unknownPolicy(policy?.name ?? '', Object.keys(kinds));
  if (policy === undefined || policy.n === 0) return policyNeedsNumber(policy?.name ?? '');
  if (voters.length === 0) return noVoters();
  const all = [...voters, ...learners];
  const twice = all.find((member, at) => all.findIndex((other) => samePooler(member, other)) !== at);
  if (twice !== undefined) return memberTwice(memberKey(twice));
  if (leader === undefined || !isAmong(leader, voters)) {
    return leaderIsNoVoter(leader === undefined ? 'nobody' : memberKey(leader));
  }
  if (!isQuorum(policy, voters, voters, kinds)) return policyCannotBeMet(policy, voters);
  return undefined;
}

function cellOf(member: MemberId): string {
  return member.pooler?.cell ?? '';
}
