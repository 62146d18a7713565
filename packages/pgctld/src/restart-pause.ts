import { backoffMs, type Random } from '@multigres/core';

/** How long to wait before Postgres is started again of our own accord: 1 ms to 1 s at first, to 30 s when it keeps ending. */
export function restartPauseMs(attempt: number, random: Random): number {
  return backoffMs(attempt, random, { firstMs: 500, lastMs: 30_000 });
}
