import type { ComponentIdMessage, MemberId, Policy, Position, Rule } from '@multigres/rpc';
import { distinctMembers, isAmong, memberKey, sameMember } from './member.ts';
import { isQuorum, policyKinds, type PolicyKinds } from './policy.ts';
import { comparePositions, isSameRule, liveRules } from './position.ts';

/** A member that promised the new ballot, and where its log ends since. */
export interface Recruited {
  readonly member: MemberId;
  readonly position: Position;
}

/**
 * No quorum of the rule is without a recruited member: those who were not recruited are none among themselves. That the rule's own leader was recruited is not
 * enough: a rival coordinator with a lower ballot may have recruited others before us and be about to decide its rule with a quorum of them, led by another,
 * of which no log that we have seen tells (Howard, Malkhi, Spiegelman, "Flexible Paxos", 2016: phase 1 meets each phase 2 of any lower ballot). Throws 0A000
 * for an unknown policy.
 */
export function intersectsEveryQuorum(
  recruited: readonly MemberId[],
  rule: Rule,
  kinds: PolicyKinds = policyKinds,
): boolean {
  const free = rule.voters.filter((voter) => !isAmong(voter, recruited));
  return !isQuorum(rule.policy, free, rule.voters, kinds);
}

/** The recruited are enough under every rule that may be live, as their own logs tell. Never, if no log holds a rule. */
export function isEnough(recruited: readonly Recruited[], kinds: PolicyKinds = policyKinds): boolean {
  const rules = liveRules(recruited.map(({ position }) => position));
  const members = recruited.map(({ member }) => member);
  return rules.length > 0 && rules.every((rule) => intersectsEveryQuorum(members, rule, kinds));
}

export interface Preference {
  /** Lead, if what must not be lost is on its log. */
  readonly successor?: ComponentIdMessage;
  /** Everything that was acknowledged ends here (an old leader that resigned has said so): who has it need not be the most advanced. */
  readonly acknowledgedLsn?: bigint;
  /** Among equals, members of this cell first. */
  readonly cell?: string;
}

/** Who leads next, and what its rule must respect. */
export interface Choice {
  readonly chosen: Recruited;
  /** Of the incoming rule: those of the newest rule, and the chosen one if it was not among them. */
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
  readonly policy: Policy | undefined;
  /** Newest first. */
  readonly outgoing: readonly Rule[];
}

/**
 * Chooses the next leader among recruited members that are enough (`isEnough`; undefined if they are not).
 *
 * What was committed after the newest rule's row is on a recruited voter that has this row, because they intersect every quorum; what was committed
 * before the row is on every log that has it. So the most advanced of the voters with the newest row has everything; and where only learners have
 * the row, nothing was committed after it, and the most advanced of them has everything.
 */
export function choose(
  recruited: readonly Recruited[],
  preference: Preference = {},
  kinds: PolicyKinds = policyKinds,
): Choice | undefined {
  if (!isEnough(recruited, kinds)) return undefined;
  const outgoing = liveRules(recruited.map(({ position }) => position));
  const newest = outgoing[0];
  if (newest === undefined) return undefined;
  const withNewest = recruited.filter(({ position }) => isSameRule(position.rule?.number, newest.number));
  const voting = withNewest.filter(({ member }) => outgoing.some(({ voters }) => isAmong(member, voters)));
  const candidates = (voting.length > 0 ? voting : withNewest).toSorted((a, b) => byMerit(b, a, preference));
  const chosen = successorAmong(candidates, preference) ?? candidates[0];
  if (chosen === undefined) return undefined;
  return {
    chosen,
    voters: distinctMembers([...newest.voters, chosen.member]),
    learners: newest.learners.filter((learner) => !sameMember(learner, chosen.member)),
    policy: newest.policy,
    outgoing,
  };
}

/** The wanted one, if nothing that was acknowledged is beyond its log. `candidates` are in descending order of merit. */
function successorAmong(candidates: readonly Recruited[], preference: Preference): Recruited | undefined {
  const { successor, acknowledgedLsn } = preference;
  const wanted = candidates.find(
    ({ member: { pooler } }) => pooler?.cell === successor?.cell && pooler?.name === successor?.name,
  );
  const needed = acknowledgedLsn ?? candidates[0]?.position.flushedLsn ?? 0n;
  return wanted !== undefined && wanted.position.flushedLsn >= needed ? wanted : undefined;
}

/** Negative if `a` is less fit. Positions decide; the preferred cell, then the smaller name, only among equals. */
function byMerit(a: Recruited, b: Recruited, { cell }: Preference): number {
  const byPosition = comparePositions(a.position, b.position);
  if (byPosition !== 0) return byPosition;
  const byCell = Number(a.member.pooler?.cell === cell) - Number(b.member.pooler?.cell === cell);
  return byCell === 0 ? Number(memberKey(a.member) < memberKey(b.member)) * 2 - 1 : byCell;
}
