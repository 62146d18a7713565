import type { Histogram } from '../world/metrics.ts';

const firstExponent = 5;
const lastExponent = 26;

/**
 * Upper bounds of the buckets, in seconds, inclusive: 2^k and 1.5 * 2^k microseconds, from 32 us to 67 s; one more bucket takes the rest. Each is at
 * most half as wide again as its lower bound, so that a quantile read from them is off by less than a fifth.
 */
export const bucketBoundsSeconds: readonly number[] = bounds();

function bounds(): number[] {
  const all: number[] = [];
  for (let exponent = firstExponent; exponent <= lastExponent; exponent++) {
    all.push(2 ** exponent / 1e6);
    if (exponent < lastExponent) all.push((2 ** exponent * 3) / 2 / 1e6);
  }
  return all;
}

/** Which bucket takes a duration of this many microseconds (a whole number below 2^31): the first whose bound is not below it. */
export function bucketOf(us: number): number {
  if (us <= 1 << firstExponent) return 0;
  // Bounds are inclusive: what lies on one belongs below it.
  const below = us - 1;
  const exponent = 31 - Math.clz32(below);
  const upperHalf = (below >>> (exponent - 1)) & 1;
  const bucket = 2 * (exponent - firstExponent) + 1 + upperHalf;
  return bucket < bucketBoundsSeconds.length ? bucket : bucketBoundsSeconds.length;
}

const usMax = 0x7fff_ffff;

/** Log-linear buckets in one typed array; recording is a handful of integer operations and allocates nothing. */
export class DurationHistogram implements Histogram {
  /** Double precision, because a counter may pass 2^32. */
  readonly buckets: Float64Array = new Float64Array(bucketBoundsSeconds.length + 1);
  #sumMs = 0;

  get count(): number {
    let count = 0;
    for (const bucket of this.buckets) count += bucket;
    return count;
  }

  get sumSeconds(): number {
    return this.#sumMs / 1000;
  }

  recordMs(ms: number): void {
    const taken = ms > 0 ? ms : 0;
    this.#sumMs += taken;
    const us = Math.ceil(taken * 1000);
    const bucket = bucketOf(us < usMax ? us : usMax);
    this.buckets[bucket] = (this.buckets[bucket] as number) + 1;
  }

  quantileSeconds(q: number): number {
    let left = this.count * q;
    if (left === 0) return 0;
    for (const [index, bound] of bucketBoundsSeconds.entries()) {
      const inside = this.buckets[index] as number;
      if (left <= inside) {
        const from = index === 0 ? 0 : (bucketBoundsSeconds[index - 1] as number);
        return from + ((bound - from) * left) / inside;
      }
      left -= inside;
    }
    return bucketBoundsSeconds.at(-1) as number;
  }
}
