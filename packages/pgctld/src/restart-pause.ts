import { backoffMs, type Random } from '@multigres/core';

/**
 * How long to wait before Postgres is started again of our own accord: not at all at first, because a shard may be without a leader
 * until it is back; up to 1 s the second time, to 30 s when it keeps ending.
 */
export function restartPauseMs(attempt: number, random: Random): number {
  return attempt <= 1 ? 0 : backoffMs(attempt - 1, random, { firstMs: 500, lastMs: 30_000 });
}
