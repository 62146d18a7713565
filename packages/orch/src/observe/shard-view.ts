import { MemberRole, type Ballot, type MemberId, type Rule, type RuleNumber } from '@multigres/rpc';
import { compareBallots, compareRuleNumbers, isQuorum, liveRules, sameMember } from '@multigres/consensus';
import { poolerKey, type ObservedMember, type ShardSnapshot } from './snapshot.ts';

/** Who leads, or is about to, as its own pooler says. */
export interface Head {
  readonly at: ObservedMember;
  readonly member: MemberId;
  /** What others must follow. */
  readonly number: RuleNumber;
  readonly role: MemberRole;
  readonly isOpen: boolean;
}

/** A snapshot, and what follows from it by looking only. */
export interface ShardView extends ShardSnapshot {
  /** Newest first: rules under which somebody may still commit, as all that was ever heard tells. Empty before the bootstrap. */
  readonly live: readonly Rule[];
  /** The highest ballot that any member promised, and since when that is known. */
  readonly promised: { readonly ballot: Ballot; readonly sinceMs: number } | undefined;
  /** Absent if nobody that is heard leads under the newest rule or a newer ballot. */
  readonly head: Head | undefined;
  readonly heard: readonly ObservedMember[];
}

export function viewOf(snapshot: ShardSnapshot): ShardView {
  const own = snapshot.members.filter((each) => !isForeign(each, snapshot));
  const live = liveRules(own.flatMap(({ position }) => (position === undefined ? [] : [position])));
  const heard = own.filter((each) => isHeard(each, snapshot));
  return { ...snapshot, live, promised: highestPromise(own), heard, head: headOf(heard, live[0]) };
}

/** Its pooler's word is fresh. */
export function isHeard(member: ObservedMember, snapshot: ShardSnapshot): boolean {
  return member.status !== undefined && !member.isGone && silentMs(member, snapshot) <= snapshot.tuning.silenceMs;
}

export function silentMs(member: ObservedMember, { nowMs, listeningMs }: ShardSnapshot): number {
  return nowMs - Math.max(member.heardMs, listeningMs);
}

/** Its data are of another Postgres cluster: nothing of it counts, nothing is done to it. */
export function isForeign(member: ObservedMember, { systemIdentifier }: ShardSnapshot): boolean {
  const own = member.status?.member?.systemIdentifier ?? 0n;
  return own !== 0n && systemIdentifier !== 0n && own !== systemIdentifier;
}

export function memberAt(view: ShardSnapshot, id: MemberId | undefined): ObservedMember | undefined {
  return view.members.find(({ key }) => key === poolerKey(id?.pooler));
}

/** The member of this very incarnation is heard. */
export function isPresent(view: ShardView, member: MemberId): boolean {
  return view.heard.some(({ status }) => sameMember(status?.member?.member, member));
}

/** Every heard member, whether in a rule or not. */
export function heardMembers(view: ShardView): MemberId[] {
  return view.heard.flatMap(({ status }) => status?.member?.member ?? []);
}

const leading: readonly MemberRole[] = [MemberRole.PROPOSING, MemberRole.LEADER, MemberRole.RESIGNED];

/** Whether the member says that it leads, under whatever rule. */
export function claimsToLead({ status }: ObservedMember): boolean {
  return leading.includes(status?.member?.role ?? MemberRole.UNSPECIFIED);
}

/** The rule by which it leads, or proposes to; undefined for who does not, or has promised something above it and is about to let go. */
export function leadingNumber({ status }: ObservedMember): RuleNumber | undefined {
  const { leading: number, promise } = status?.member ?? {};
  return compareBallots(promise?.ballot, number?.ballot) > 0 ? undefined : number;
}

/** Followers receive its log at this moment, so many that with it they are a quorum: what waits for them waits its turn, and another leader would have less. */
export function isProgressing({ heard, live, nowMs, tuning }: ShardView, head: Head): boolean {
  const receiving = heard.flatMap(({ status, received }) => {
    const { member, following } = status?.member ?? {};
    const follows = following?.streaming === true && sameMember(following.leader, head.member);
    const grows = received !== undefined && nowMs - received.sinceMs <= tuning.silenceMs;
    return member !== undefined && follows && grows ? [member] : [];
  });
  const [rule] = live;
  return rule !== undefined && isQuorum(rule.policy, [head.member, ...receiving], rule.voters);
}

function headOf(heard: readonly ObservedMember[], newest: Rule | undefined): Head | undefined {
  const heads = heard.filter(claimsToLead).flatMap((at) => {
    const { member, role = MemberRole.UNSPECIFIED, open = false, postgresUp } = at.status?.member ?? {};
    const number = leadingNumber(at);
    // Commits get through: then a question that Postgres was too slow to answer means nothing.
    if (member === undefined || number === undefined || (postgresUp !== true && !open)) return [];
    return [{ at, member, number, role, isOpen: open && role === MemberRole.LEADER }];
  });
  const head = heads.toSorted((a, b) => compareRuleNumbers(a.number, b.number)).at(-1);
  // The newest rule of its own ballot is its own work, though others may have told of it first.
  return head !== undefined && compareBallots(head.number.ballot, newest?.number?.ballot) >= 0 ? head : undefined;
}

function highestPromise(members: readonly ObservedMember[]): ShardView['promised'] {
  let highest: ShardView['promised'];
  for (const { status, promisedMs } of members) {
    const ballot = status?.member?.promise?.ballot;
    if (ballot === undefined) continue;
    const order = compareBallots(ballot, highest?.ballot);
    if (order > 0 || (order === 0 && promisedMs < (highest?.sinceMs ?? 0))) highest = { ballot, sinceMs: promisedMs };
  }
  return highest;
}
