import { sameMember } from '@multigres/consensus';
import type { MemberId } from '@multigres/rpc';
import { claimsToLead, isHeard, memberAt, silentMs, type ShardView } from '../observe/shard-view.ts';
import { poolerKey, type ObservedMember } from '../observe/snapshot.ts';
import type { Finding } from './finding.ts';
import { staggerMs } from './rank.ts';
import { busyElsewhereMs, whyNotReplaceable } from './replaceable.ts';

/** Nobody leads under the newest rule, or a newer ballot. */
export function leaderLost(view: ShardView): Finding[] {
  const leader = view.live[0]?.leader;
  if (leader === undefined || view.head !== undefined) return [];
  const explanation = whyLost(view, leader);
  if (explanation === undefined) return [];
  return [replaceLeader(view, 'leaderLost', explanation)];
}

/** A finding whose action is a failover, if one could succeed and nobody else is at it. */
export function replaceLeader(
  view: ShardView,
  kind: Finding['kind'],
  explanation: string,
  without?: MemberId,
): Finding {
  const problem = { kind, subject: '', explanation };
  const obstacle = whyNotReplaceable(view, without === undefined ? [] : [without]);
  if (obstacle !== undefined) return { ...problem, remedy: `Nothing can be done: ${obstacle}.` };
  const busyMs = busyElsewhereMs(view);
  if (busyMs > 0) {
    const coordinator = view.promised?.ballot.coordinator;
    const who = `${coordinator?.cell ?? ''}/${coordinator?.name ?? ''}`;
    return { ...problem, remedy: `Orchestrator ${who} is changing the leader; it is left to finish.` };
  }
  const remedy = 'The most advanced of the other members becomes leader.';
  const avoid = without === undefined ? undefined : poolerKey(without.pooler);
  return { ...problem, remedy, action: { kind: 'failover', avoid }, afterMs: staggerMs(view) };
}

function whyLost(view: ShardView, leader: MemberId): string | undefined {
  const at = memberAt(view, leader);
  if (at === undefined) return 'The pooler of the leader is not known.';
  if (!isHeard(at, view)) return whySilentLeaderIsLost(view, leader, at);
  const member = at.status?.member;
  if (!sameMember(member?.member, leader)) return `The data directory of the leader ${at.key} is gone.`;
  if (member?.postgresUp !== true) return `The pooler of the leader ${at.key} says that its Postgres is down.`;
  // It leads under an older rule than the newest, whose leader it should be: its next word will tell, or its silence.
  return claimsToLead(at) ? undefined : `The leader ${at.key} does not lead any more.`;
}

/**
 * Silence alone may be a matter of our own link. The leader commits a heartbeat several times a second: as long as followers receive anything, it lives.
 */
function whySilentLeaderIsLost(view: ShardView, leader: MemberId, at: ObservedMember): string | undefined {
  const { nowMs, listeningMs, tuning, heard } = view;
  const followers = heard.filter(({ status }) => {
    const following = status?.member?.following;
    return following?.streaming === true && sameMember(following.leader, leader);
  });
  const isStreaming = followers.some(
    ({ received }) => received !== undefined && nowMs - received.sinceMs <= tuning.silenceMs,
  );
  if (isStreaming) return undefined;
  if (at.isGone && followers.length === 0) return `Nobody answers at the leader ${at.key}, and nobody streams from it.`;
  const silence = Math.round(silentMs(at, view));
  if (silence <= tuning.silenceMs || nowMs - listeningMs <= tuning.silenceMs) return undefined;
  return `The leader ${at.key} has not been heard for ${silence} ms, and nobody receives anything from it.`;
}
