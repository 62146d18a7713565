import type { Ballot, MemberId, Rule } from '@multigres/rpc';
import { policyCannotBeMet, unfitNonce, unknownPolicy } from './errors.ts';
import { hash64 } from './hash.ts';
import { distinctMembers, isAmong, memberKey, sameMember } from './member.ts';
import { isQuorum, policyKindOf, policyKinds, type PolicyKinds } from './policy.ts';

/** On whoever is no leader: a standby that does not exist, so that no commit is ever acknowledged there. */
export const namesOfNobody = 'ANY 1 (mg_nobody)';

/**
 * The `application_name` of a follower whose own, replayed, table holds the row of the leader's ballot; only this name is counted. 36 bytes of the 63
 * that PostgreSQL keeps, and nothing in it needs quotes.
 */
export function standbyName(member: MemberId, ballot: Ballot): string {
  if (!/^[0-9a-f]{16}$/.test(ballot.nonce)) throw unfitNonce(ballot.nonce);
  return `mg_${hash64(memberKey(member))}_${ballot.nonce}`;
}

/** The `application_name` of a follower until then: it streams and is not counted. */
export function joiningName(member: MemberId): string {
  return `mg_${hash64(memberKey(member))}_join`;
}

/** How many of which members must have a commit on disk, besides the leader itself. */
export interface JointNames {
  readonly count: number;
  /** Empty together with `count` 0: the leader alone is a quorum of every rule. */
  readonly members: readonly MemberId[];
}

/**
 * Whom the leader waits for so that each commit has a quorum of every rule: the least number for which any so many of their voters, with the
 * leader where it votes, will do. Throws 22023 if not even all of them would, 0A000 for an unknown policy.
 */
export function jointNames(leader: MemberId, rules: readonly Rule[], kinds: PolicyKinds = policyKinds): JointNames {
  const union = distinctMembers(rules.flatMap(({ voters }) => voters));
  const members = union.filter((member) => !sameMember(member, leader));
  const count = Math.max(0, ...rules.map((rule) => countFor(rule, leader, members, kinds)));
  return count === 0 ? { count, members: [] } : { count, members };
}

/** Any that many of the members meet the rule; those who do not vote in it may be among them. */
function countFor(rule: Rule, leader: MemberId, members: readonly MemberId[], kinds: PolicyKinds): number {
  const { policy, voters } = rule;
  if (policy === undefined) throw unknownPolicy('', Object.keys(kinds));
  if (!isQuorum(policy, [leader, ...members], voters, kinds)) throw policyCannotBeMet(policy, voters);
  const others = members.filter((member) => isAmong(member, voters));
  const sure = isAmong(leader, voters) ? [leader] : [];
  const without = policyKindOf(policy, kinds).largestWithout(policy.n, others, sure);
  return without < 0 ? 0 : members.length - others.length + without + 1;
}

/** The value of `synchronous_standby_names`: `ANY 1 (mg_..., mg_...)`, empty if the leader alone is enough. */
export function synchronousNames({ count, members }: JointNames, ballot: Ballot): string {
  if (count === 0) return '';
  return `ANY ${count} (${members.map((member) => standbyName(member, ballot)).join(', ')})`;
}
