/** What of a pool decides how long its users wait, and how many they are. */
export interface Crowding {
  /** Of a pool, and of all pools together. */
  readonly poolBackendsMax: number;
  readonly backendsMax: number;
  /** With pools that all want what they can get. */
  readonly pools: number;
  /** Of the pool that has most. */
  readonly users: number;
  readonly slowestMs: number;
}

/** Logins, commits and packets under way, besides the statements that take long. */
const aboutMs = 1_000;

/**
 * How long anybody may wait where nothing is broken. A pool has its fair share of the backends by right; a quarter of them, or one, is kept for who is fast (the
 * documentation of the pooler says so); and in the worst case all others of the pool ask for something slow first, one behind the other on the rest.
 */
export function servedWithinMs({ poolBackendsMax, backendsMax, pools, users, slowestMs }: Crowding): number {
  const share = Math.max(1, Math.min(poolBackendsMax, Math.floor(backendsMax / pools)));
  const forSlow = Math.max(1, share - Math.max(1, Math.ceil(share / 4)));
  return Math.ceil(users / forSlow) * slowestMs + aboutMs;
}
