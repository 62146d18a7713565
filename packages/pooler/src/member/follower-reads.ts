import { compareBallots, isQuorum } from '@multigres/consensus';
import type { Sight } from './member-sight.ts';
import type { MemberState, Order } from './member.machine.ts';

/** Deeds that leave the follower's log and its Postgres as they are. */
const harmless: ReadonlySet<Order['kind']> = new Set(['follow', 'join']);

/**
 * Why nobody may read at this follower, for people; empty if sessions may. What a standby has replayed it has flushed, and so had the leader before it
 * sent it (PostgreSQL documentation, "Streaming Replication"; walsenders send what is flushed). So where the leader and this follower are a quorum by
 * themselves, as with AT_LEAST_2, everything that is seen here is durable, and no answer has to be held back. Under a policy that asks for more nothing
 * here tells what is durable, so there are no reads.
 */
export function whyNoReads({ self, role, deed }: MemberState, sight: Sight | undefined): string {
  if (role.kind !== 'follower' || self === undefined) return 'it does not follow';
  if (deed !== undefined && !harmless.has(deed.order.kind)) return `it is about to ${deed.order.kind}`;
  if (sight?.up !== true || !sight.inRecovery) return 'Postgres does not answer as a standby';
  const { position } = sight;
  const rule = position?.rule;
  if (!role.counted || rule === undefined) return 'it has not joined its leader yet';
  if (compareBallots(rule.number?.ballot, role.of.rule?.ballot) !== 0) return 'it has not joined its leader yet';
  if (position?.decided !== true) return 'the rule of its leader is not decided yet';
  if (rule.leader === undefined || !isQuorum(rule.policy, [rule.leader, self], rule.voters))
    return 'what it shows may not have reached a quorum yet: the leader and this follower are none by themselves';
  return '';
}
