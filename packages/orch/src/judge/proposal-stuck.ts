import { MemberRole } from '@multigres/rpc';
import type { ShardView } from '../observe/shard-view.ts';
import type { Finding } from './finding.ts';
import { replaceLeader } from './leader-lost.ts';

/** A member was promoted and its rule is not decided: its coordinator may be gone, or its quorum. Whoever comes next builds on the log that has the row. */
export function proposalStuck(view: ShardView): Finding[] {
  const { head, nowMs, tuning } = view;
  if (head?.role !== MemberRole.PROPOSING) return [];
  const sinceMs = Math.max(head.at.roleSinceMs, head.at.promisedMs);
  if (nowMs - sinceMs <= tuning.proposalMs) return [];
  const why = `The rule that ${head.at.key} proposes has not been decided for ${Math.round(nowMs - sinceMs)} ms.`;
  return [replaceLeader(view, 'proposalStuck', why)];
}
