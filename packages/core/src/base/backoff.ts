import type { Random } from '../world/random.ts';

/**
 * How long to wait before attempt `attempt` (0 = the first retry), in milliseconds. Full jitter: nodes that failed together must not
 * come back together (Brooker, "Exponential Backoff And Jitter").
 */
export function backoffMs(
  attempt: number,
  random: Random,
  bounds: { readonly firstMs: number; readonly lastMs: number },
): number {
  const ceilingMs = Math.min(bounds.lastMs, bounds.firstMs * 2 ** Math.min(attempt, 30));
  return 1 + random.below(Math.max(1, Math.floor(ceilingMs)));
}
