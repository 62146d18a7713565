import { MemberRole } from '@multigres/rpc';
import { compareBallots, isAmong, memberKey } from '@multigres/consensus';
import type { ShardView } from '../observe/shard-view.ts';
import { canSucceed } from '../act/successor.ts';
import type { Finding } from './finding.ts';
import { patienceMs } from './rank.ts';
import { replaceLeader } from './leader-lost.ts';

/**
 * A voter has promised a ballot that came to nothing: it may not follow the present leader any more, only one with a higher ballot. The leadership moves,
 * gently if somebody follows, so that it can take part again.
 */
export function promisedElsewhere(view: ShardView): Finding[] {
  const { head, live, tuning, nowMs, promised } = view;
  const ballot = head?.number.ballot;
  if (head?.role !== MemberRole.LEADER || ballot === undefined) return [];
  if (promised === undefined || nowMs - promised.sinceMs <= 2 * tuning.stickinessMs) return [];
  const stray = view.heard.filter(({ status }) => {
    const { member, promise } = status?.member ?? {};
    return isAmong(member, live[0]?.voters ?? []) && compareBallots(promise?.ballot, ballot) > 0;
  });
  const [first] = stray;
  if (first === undefined) return [];
  const member = first.status?.member?.member;
  const why = `${member === undefined ? first.key : memberKey(member)} has promised a ballot that came to nothing, and cannot follow.`;
  const successor = view.heard.find((each) => canSucceed(view, each) === undefined);
  if (successor === undefined) return [replaceLeader(view, 'promisedElsewhere', why)];
  return [
    {
      ...{ kind: 'promisedElsewhere', subject: '', explanation: why },
      remedy: `The leadership is handed to ${successor.key} under a higher ballot.`,
      action: { kind: 'switchover', successor: successor.id },
      afterMs: patienceMs(view),
    },
  ];
}
