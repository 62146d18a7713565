import { isAmong } from '@multigres/consensus';
import { isHeard, type ShardView } from '../observe/shard-view.ts';
import type { ObservedMember } from '../observe/snapshot.ts';

/** Why this pooler cannot take over from a leader that hands over; undefined if it can. */
export function canSucceed(view: ShardView, at: ObservedMember): string | undefined {
  const { head, live } = view;
  const member = at.status?.member;
  if (head !== undefined && at.key === head.at.key) return 'leads already';
  if (!isHeard(at, view) || member?.member === undefined) return 'is not heard';
  if (!isAmong(member.member, live[0]?.voters ?? [])) return 'is not a voter';
  if (!member.postgresUp) return 'has a Postgres that is down';
  if (member.following?.streaming !== true) return 'does not stream from the leader';
  if (!member.following.joined) return 'has not joined yet';
  return undefined;
}

/** Who should take over: a voter that follows, of another cell than the leader's if there is one, the one that has received most. */
export function bestSuccessor(view: ShardView): ObservedMember | undefined {
  const fit = view.heard.filter((each) => canSucceed(view, each) === undefined);
  const received = ({ status }: ObservedMember): bigint => status?.member?.following?.receivedLsn ?? 0n;
  return fit.toSorted((a, b) => Number(received(b) - received(a)) || (a.key < b.key ? -1 : 1))[0];
}
