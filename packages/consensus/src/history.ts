import type { Ballot, Leadership } from '@multigres/rpc';
import { hash64 } from './hash.ts';
import { compareBallots } from './order.ts';

/** What decides whether a log can follow another one. */
export interface OwnHistory {
  /** All leaders in the log, oldest first. */
  readonly leaderships: readonly Leadership[];
  /** Ballots under which this member was about to be promoted, ever, since its data directory was made. */
  readonly attempts: readonly Ballot[];
  /** How far the log is on disk, and on which timeline. */
  readonly flushedLsn: bigint;
  readonly timeline: number;
}

/** 16 hexadecimal digits over all leaders, oldest first: equal for equal histories. */
export function historyHash(leaderships: readonly Leadership[]): string {
  const parts = leaderships.map(({ ballot, timeline, startLsn }) => {
    const { term = 0n, coordinator, nonce = '' } = ballot ?? {};
    return `${term} ${coordinator?.cell ?? ''}/${coordinator?.name ?? ''} ${nonce} ${timeline} ${startLsn};`;
  });
  return hash64(parts.join(''));
}

/** `a` is where `b` began, or all of it. */
export function isPrefix(a: readonly Leadership[], b: readonly Leadership[]): boolean {
  return a.length <= b.length && a.every((each, at) => isSameLeadership(each, b[at] as Leadership));
}

/** Neither is a prefix of the other: the logs have parted, whatever their timelines are called. */
export function hasForked(a: readonly Leadership[], b: readonly Leadership[]): boolean {
  return !isPrefix(a, b) && !isPrefix(b, a);
}

/**
 * The log cannot simply go on with the leader's: it has forked or is ahead; or a promotion of its own left records that the leader lacks; or it goes
 * on beyond where the leader's next timeline began.
 */
export function hasDiverged(own: OwnHistory, leaders: readonly Leadership[]): boolean {
  if (!isPrefix(own.leaderships, leaders)) return true;
  if (own.attempts.some((ballot) => !isAccounted(ballot, leaders))) return true;
  const next = leaders[own.leaderships.length];
  return next !== undefined && own.timeline < next.timeline && own.flushedLsn > next.startLsn;
}

/**
 * `pg_rewind` compares the numbers of timelines, not what is in them, so it is right only where a number means the same on both sides: every timeline
 * of its log that the leader also has is of the same ballot with the same start, and each promotion of its own left its row. Else: clone.
 */
export function mayRewind(own: OwnHistory, leaders: readonly Leadership[]): boolean {
  if (own.attempts.some((ballot) => !isAccounted(ballot, own.leaderships))) return false;
  const known = new Set(own.leaderships.map(({ timeline }) => timeline));
  // A timeline without a leader's row is somebody's interrupted promotion that was streamed: nobody knows whose.
  if (own.leaderships.length === 0 || !known.has(own.timeline)) return false;
  return own.leaderships.every((each) => {
    const theirs = leaders.filter(({ timeline }) => timeline === each.timeline);
    return theirs.every((other) => isSameLeadership(each, other));
  });
}

function isAccounted(ballot: Ballot, leaderships: readonly Leadership[]): boolean {
  return leaderships.some((each) => compareBallots(each.ballot, ballot) === 0);
}

function isSameLeadership(a: Leadership, b: Leadership): boolean {
  return a.timeline === b.timeline && a.startLsn === b.startLsn && compareBallots(a.ballot, b.ballot) === 0;
}
