import { compareBallots, compareRuleNumbers } from '@multigres/consensus';
import { MemberRole, type Ballot, type PoolerStatus, type RuleNumber } from '@multigres/rpc';

/** What is known of one pooler. */
export interface PoolerSight {
  /** Cell and name, as in the topology. */
  readonly name: string;
  readonly cell: string;
  /** What it said of itself last; absent if it was never heard. */
  readonly status?: PoolerStatus;
  /** When that came, on this gateway's clock. */
  readonly heardMs: number;
  /** The relay's link to it is up. */
  readonly linked: boolean;
  /** It has refused what its status says that it serves; its next status is to tell. */
  readonly doubted: boolean;
}

/** What a gateway knows of a shard: who may be asked for what. */
export interface ShardView {
  readonly poolers: ReadonlyMap<string, PoolerSight>;
  /** The newest rule under which a leader was seen open, and the newest ballot that is known to be decided: nothing older is followed again. */
  readonly rule: RuleNumber | undefined;
  readonly decided: Ballot | undefined;
  /** The open leader; absent while there is none. */
  readonly leader?: string;
  /** Since when there is none. */
  readonly leaderlessSinceMs?: number;
}

export type ShardEvent =
  /** The topology lists it. */
  | { readonly kind: 'listed'; readonly name: string; readonly cell: string }
  /** It is neither listed nor linked any more. */
  | { readonly kind: 'gone'; readonly name: string }
  | { readonly kind: 'heard'; readonly name: string; readonly status: PoolerStatus }
  | { readonly kind: 'linked'; readonly name: string; readonly up: boolean }
  | { readonly kind: 'refused'; readonly name: string };

export function emptyShard(nowMs: number): ShardView {
  return { poolers: new Map(), rule: undefined, decided: undefined, leaderlessSinceMs: nowMs };
}

/** What the shard looks like after an event. */
export function seeShard(view: ShardView, event: ShardEvent, nowMs: number): ShardView {
  const poolers = new Map(view.poolers);
  const before = poolers.get(event.name);
  if (event.kind === 'gone') poolers.delete(event.name);
  else if (event.kind === 'listed') {
    if (before === undefined) poolers.set(event.name, unseen(event.name, event.cell));
  } else if (before !== undefined) poolers.set(event.name, seen(before, event, nowMs));
  const decided = newestDecided(view.decided, poolers.get(event.name)?.status);
  return led({ ...view, poolers, decided }, nowMs);
}

function unseen(name: string, cell: string): PoolerSight {
  return { name, cell, heardMs: 0, linked: false, doubted: false };
}

function seen(
  sight: PoolerSight,
  event: Exclude<ShardEvent, { readonly kind: 'listed' | 'gone' }>,
  nowMs: number,
): PoolerSight {
  switch (event.kind) {
    case 'heard':
      return { ...sight, status: event.status, heardMs: nowMs, doubted: false };
    case 'linked':
      return { ...sight, linked: event.up };
    case 'refused':
      return { ...sight, doubted: true };
  }
}

/** The rule that a pooler's log ends with. */
export function ruleOf(status: PoolerStatus | undefined): RuleNumber | undefined {
  return status?.member?.position?.rule?.number;
}

/** Subterms do not count here: a follower may have heard of a leader's next one before the leader itself says so. */
function newestDecided(known: Ballot | undefined, status: PoolerStatus | undefined): Ballot | undefined {
  const position = status?.member?.position;
  const ballot = position?.decided === true ? position.rule?.number?.ballot : undefined;
  return compareBallots(ballot, known) > 0 ? ballot : known;
}

/** Why queries do not go there, for people; empty if they do. */
export function whyNotLeader(view: ShardView, sight: PoolerSight): string {
  const { status, doubted, linked } = sight;
  if (!linked) return 'there is no connection to it';
  if (status === undefined) return 'it has not said how it is';
  if (doubted) return 'it has refused what it was sent';
  const { member } = status;
  if (member === undefined) return standsAlone(view, sight) ? '' : 'another pooler serves this shard';
  if (member.role !== MemberRole.LEADER) return 'it does not lead';
  if (!member.open) return member.closedReason === '' ? 'it is closed' : member.closedReason;
  const rule = ruleOf(status);
  if (compareBallots(rule?.ballot, view.decided) < 0 || compareRuleNumbers(rule, view.rule) < 0)
    return 'it leads by an older rule';
  return '';
}

/** A follower whose log is further behind than this shows too old a past. */
export interface ReplicaLimits {
  readonly replicaLagBytesMax: number;
  /** Who has not been heard for so long may be as far behind as it likes. */
  readonly replicaSilenceMsMax: number;
}

/** How far the leader's log was known to be durable last, from whoever told most. */
export function durableLsn({ poolers }: ShardView): bigint {
  let durable = 0n;
  for (const { status } of poolers.values()) {
    const lsn = status?.member?.durableLsn ?? 0n;
    if (lsn > durable) durable = lsn;
  }
  return durable;
}

/** Bytes of log that a follower has still to replay. */
export function lagBytes({ status }: PoolerSight, durable: bigint): number {
  const replayed = status?.member?.following?.replayedLsn ?? 0n;
  return replayed >= durable ? 0 : Number(durable - replayed);
}

/** Why a session that reads at followers does not read there, for people; empty if it may. */
export function whyNoReads(sight: PoolerSight, durable: bigint, limits: ReplicaLimits, nowMs: number): string {
  const { status, doubted, linked, heardMs } = sight;
  const { member } = status ?? {};
  if (!linked) return 'there is no connection to it';
  if (member === undefined) return status === undefined ? 'it has not said how it is' : 'it is no member of a shard';
  if (doubted) return 'it has refused what it was sent';
  if (member.role !== MemberRole.FOLLOWER) return 'it does not follow';
  if (!member.readsOpen) return member.readsClosedReason === '' ? 'it serves no reads' : member.readsClosedReason;
  if (member.following?.streaming !== true) return 'it does not stream';
  if (nowMs - heardMs > limits.replicaSilenceMsMax) return 'it has not been heard lately';
  if (lagBytes(sight, durable) > limits.replicaLagBytesMax) return 'it is too far behind';
  return '';
}

/** Without members there is one pooler for everything: the first by name. */
function standsAlone(view: ShardView, { name }: PoolerSight): boolean {
  for (const other of view.poolers.values())
    if (other.status?.member !== undefined || (other.name < name && other.linked)) return false;
  return true;
}

/** The open leader by the newest rule, which is never older than the one before. */
function led({ poolers, rule, decided, leaderlessSinceMs }: ShardView, nowMs: number): ShardView {
  const view = { poolers, rule, decided };
  let leader: PoolerSight | undefined;
  for (const sight of poolers.values()) {
    if (whyNotLeader(view, sight) !== '') continue;
    if (leader === undefined || compareRuleNumbers(ruleOf(sight.status), ruleOf(leader.status)) > 0) leader = sight;
  }
  if (leader === undefined) return { ...view, leaderlessSinceMs: leaderlessSinceMs ?? nowMs };
  return { ...view, rule: ruleOf(leader.status) ?? rule, leader: leader.name };
}
