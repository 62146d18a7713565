import { MemberRole } from '@multigres/rpc';
import { isProgressing, type ShardView } from '../observe/shard-view.ts';
import type { Finding } from './finding.ts';
import { replaceLeader } from './leader-lost.ts';

/** How much longer a proposal may take while followers receive the log in which its row is. */
const patienceWhileProgressing = 10;

/** A member was promoted and its rule is not decided: its coordinator may be gone, or its quorum. Whoever comes next builds on the log that has the row. */
export function proposalStuck(view: ShardView): Finding[] {
  const { head, nowMs, tuning } = view;
  if (head?.role !== MemberRole.PROPOSING) return [];
  const sinceMs = Math.max(head.at.roleSinceMs, head.at.promisedMs);
  const factor = isProgressing(view, head) ? patienceWhileProgressing : 1;
  if (nowMs - sinceMs <= tuning.proposalMs * factor) return [];
  const why = `The rule that ${head.at.key} proposes has not been decided for ${Math.round(nowMs - sinceMs)} ms.`;
  return [replaceLeader(view, 'proposalStuck', why)];
}
