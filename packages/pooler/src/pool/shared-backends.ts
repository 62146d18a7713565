/** A mean below this says that shared backends are limited by the processors, not by waiting: more of them would only make batches shorter. */
const busyMs = 0.5;

/**
 * How many backends short reads should be spread over, when they take `meanMs` at Postgres on average. `base` as long as they are as fast as a processor is; for each
 * half millisecond in which they wait for something (disk, locks, memory) as many again, because others can run meanwhile. Never more than half of
 * the pool, unless `base` is.
 */
export function sharedBackendsFor(meanMs: number, base: number, backendsMax: number): number {
  const wanted = base * (1 + Math.floor(meanMs / busyMs));
  return Math.max(base, Math.min(wanted, Math.floor(backendsMax / 2)));
}
