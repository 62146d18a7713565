import { MemberRole, type MemberStatus } from '@multigres/rpc';
import { isProgressing, type Head, type ShardView } from '../observe/shard-view.ts';
import type { Finding } from './finding.ts';
import { replaceLeader } from './leader-lost.ts';

/** How much longer a leader may keep a commit waiting that followers are on their way to. */
const patienceWhileProgressing = 5;

/** The leader lives and its commits do not reach a quorum, or it does not open; others could do better. */
export function leaderCannotCommit(view: ShardView): Finding[] {
  const { head } = view;
  const status = head?.at.status?.member;
  if (head === undefined || status === undefined || head.role === MemberRole.PROPOSING) return [];
  const why = whyStalled(view, head, status) ?? whyClosed(view, head, status);
  return why === undefined ? [] : [replaceLeader(view, 'leaderCannotCommit', why, head.member)];
}

function whyStalled(view: ShardView, head: Head, { commitStalledMs }: MemberStatus): string | undefined {
  const { stalledMs, pauseMs } = view.tuning;
  const factor = isProgressing(view, head) ? patienceWhileProgressing : 1;
  // One that paused for a switchover opens again by itself.
  const limitMs = stalledMs * factor + (head.role === MemberRole.RESIGNED ? pauseMs : 0);
  if (commitStalledMs <= limitMs) return undefined;
  return `The leader ${head.at.key} has not reached a quorum for ${commitStalledMs} ms.`;
}

function whyClosed({ nowMs, tuning }: ShardView, head: Head, { closedReason }: MemberStatus): string | undefined {
  const closedMs = head.isOpen ? 0 : nowMs - head.at.roleSinceMs;
  if (closedMs <= tuning.stalledMs + tuning.drainMs + tuning.pauseMs) return undefined;
  return `The leader ${head.at.key} is closed (${closedReason || 'it does not say why'}).`;
}
