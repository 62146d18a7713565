import type { MemberId } from '@multigres/rpc';
import { intersectsEveryQuorum, isAmong, isQuorum, memberKey } from '@multigres/consensus';
import { heardMembers, type ShardView } from '../observe/shard-view.ts';

/**
 * The question before a ballot: could a change of leader succeed with the members that are heard? They must intersect every quorum of every live rule, and
 * be a quorum of each, or the new leader could commit nothing. Answers why not, or undefined. A ballot that cannot succeed only harms: whoever promises
 * it stops following the leader that there is.
 */
export function whyNotReplaceable(view: ShardView, without: readonly MemberId[] = []): string | undefined {
  const reachable = heardMembers(view).filter((each) => !isAmong(each, without));
  for (const rule of view.live) {
    const missing = rule.voters.filter((voter) => !isAmong(voter, reachable)).map(memberKey);
    if (intersectsEveryQuorum(reachable, rule) && isQuorum(rule.policy, reachable, rule.voters)) continue;
    return `a quorum cannot be reached: ${missing.join(', ') || 'no voter'} not heard`;
  }
  return view.live.length === 0 ? 'no rule is known' : undefined;
}

/** Another coordinator's ballot is so fresh that it must be left to finish; how long still, in ms. */
export function busyElsewhereMs(view: ShardView): number {
  const { promised, live, self, nowMs, tuning } = view;
  if (promised === undefined) return 0;
  const { coordinator, term } = promised.ballot;
  if (coordinator?.cell === self.cell && coordinator.name === self.name) return 0;
  if (term <= (live[0]?.number?.ballot?.term ?? 0n)) return 0;
  return Math.max(0, promised.sinceMs + tuning.stickinessMs - nowMs);
}
