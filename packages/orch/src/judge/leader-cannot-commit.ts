import { MemberRole } from '@multigres/rpc';
import type { ShardView } from '../observe/shard-view.ts';
import type { Finding } from './finding.ts';
import { replaceLeader } from './leader-lost.ts';

/** The leader lives and its commits do not reach a quorum, or it does not open; others could do better. */
export function leaderCannotCommit(view: ShardView): Finding[] {
  const { head, tuning, nowMs } = view;
  const status = head?.at.status?.member;
  if (head === undefined || status === undefined || head.role === MemberRole.PROPOSING) return [];
  const stalledMs = Math.max(status.commitStalledMs, head.isOpen ? 0 : nowMs - head.at.roleSinceMs);
  const isClosed = !head.isOpen && status.commitStalledMs === 0;
  // One that paused for a switchover opens again by itself.
  const limitMs = tuning.stalledMs + (head.role === MemberRole.RESIGNED || isClosed ? tuning.pauseMs : 0);
  if (stalledMs <= limitMs || (!isClosed && status.commitStalledMs <= tuning.stalledMs)) return [];
  const why = isClosed
    ? `The leader ${head.at.key} is closed (${status.closedReason || 'it does not say why'}).`
    : `The leader ${head.at.key} has not reached a quorum for ${status.commitStalledMs} ms.`;
  return [replaceLeader(view, 'leaderCannotCommit', why, head.member)];
}
