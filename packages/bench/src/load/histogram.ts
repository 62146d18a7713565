import { assert } from '@multigres/core';

/** Below this, each microsecond has a bucket; above, each power of two has half as many: the error stays below 0.8 %. */
const linear = 256;
const half = linear / 2;
/** 2^36 us are 19 hours. */
const powers = 36 - 8;
const bucketsMax = linear + powers * half;

/** As sent between processes: pairs of a bucket's number and its count. */
export interface HistogramRecord {
  readonly buckets: readonly (readonly [index: number, count: number])[];
  readonly sumUs: number;
  readonly maxUs: number;
}

/** Latencies in whole microseconds, in a fixed amount of memory: log-linear, as Gil Tene's HDR histogram is. Histograms can be added up. */
export class Histogram {
  readonly #counts: Float64Array = new Float64Array(bucketsMax);
  #count = 0;
  #sumUs = 0;
  #maxUs = 0;

  get count(): number {
    return this.#count;
  }

  /** 0 if nothing was recorded. */
  get meanUs(): number {
    return this.#count === 0 ? 0 : this.#sumUs / this.#count;
  }

  get maxUs(): number {
    return this.#maxUs;
  }

  /** `us` is rounded; negative counts as 0, and what is longer than the last bucket goes there. */
  record(us: number, times: number = 1): void {
    const value = us > 0 ? us : 0;
    const index = bucketOf(Math.round(value));
    this.#counts[index] = (this.#counts[index] as number) + times;
    this.#count += times;
    this.#sumUs += value * times;
    if (value > this.#maxUs) this.#maxUs = value;
  }

  /** The value that this share (0 to 1) of all does not exceed: the middle of its bucket. 0 if nothing was recorded. */
  quantileUs(share: number): number {
    assert(share >= 0 && share <= 1, 'a share is between 0 and 1');
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let index = 0; index < bucketsMax; index++) {
      seen += this.#counts[index] as number;
      if (seen >= rank) return Math.min(middleOf(index), this.#maxUs);
    }
    return 0;
  }

  add(other: HistogramRecord): void {
    for (const [index, count] of other.buckets) {
      this.#counts[index] = (this.#counts[index] as number) + count;
      this.#count += count;
    }
    this.#sumUs += other.sumUs;
    this.#maxUs = Math.max(this.#maxUs, other.maxUs);
  }

  toRecord(): HistogramRecord {
    const buckets: [number, number][] = [];
    for (const [index, count] of this.#counts.entries()) if (count > 0) buckets.push([index, count]);
    return { buckets, sumUs: this.#sumUs, maxUs: this.#maxUs };
  }
}

function bucketOf(us: number): number {
  if (us < linear) return us;
  // Of the value's power of two, so that the leading bits are in [half, linear).
  const shift = Math.floor(Math.log2(us)) - 7;
  const lead = Math.floor(us / 2 ** shift);
  return Math.min(linear + (shift - 1) * half + (lead - half), bucketsMax - 1);
}

function middleOf(index: number): number {
  if (index < linear) return index;
  const shift = Math.floor((index - linear) / half) + 1;
  const lead = ((index - linear) % half) + half;
  return (lead + 0.5) * 2 ** shift;
}
