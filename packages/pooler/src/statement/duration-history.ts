/** How a statement may run: `fast` ones stand in line with others; slow ones, and those of which nothing is known, run with nobody behind them. */
export type Pace = 'unknown' | 'fast' | 'slow';

/** What a statement weighs from which its history says that it is slow, and below which that it is fast again. Between them it stays what it was. */
export interface PaceLimits {
  readonly slowMs: number;
  readonly fastMs: number;
}

/** The part of a new measurement in the estimate. Three that are far too long in a row make a fast statement slow. */
const share = 1 / 16;
/** A measurement counts at most so many times the limit: one pause of a busy machine must not make a fast statement slow. */
const clip = 10;

/**
 * How long a statement takes at Postgres, out of how long it took: a moving average of measurements that are cut off at `clip` times the limit. So the average
 * of one that takes long in one case of eight is over the limit, too, and it counts as slow: it would be in the way of others.
 */
export class DurationHistory {
  /** Below zero: never measured. */
  #ms = -1;
  #slow = false;

  get pace(): Pace {
    if (this.#ms < 0) return 'unknown';
    return this.#slow ? 'slow' : 'fast';
  }

  /** The estimate in milliseconds; 0 if there is none. */
  get ms(): number {
    return Math.max(0, this.#ms);
  }

  /** It took so long, alone at the head of its backend. */
  record(ms: number, { slowMs, fastMs }: PaceLimits): void {
    const cut = Math.min(ms, clip * slowMs);
    this.#ms = this.#ms < 0 ? cut : this.#ms + (cut - this.#ms) * share;
    if (this.#ms > slowMs) this.#slow = true;
    else if (this.#ms < fastMs) this.#slow = false;
  }

  /** It is still running after much more than the limit, and others wait behind it: that weighs as much as a very slow run, besides the run itself. */
  overran(limits: PaceLimits): void {
    this.record(Infinity, limits);
  }
}

/**
 * Histories of the simple queries of one gateway, by the numbers that it gives to shapes of texts (`ShapeCache` of package sql). A number stands for
 * itself and for those that are 2^15 apart: by then the older shape is long out of use.
 */
export class ShapeHistories {
  readonly #byShape: (DurationHistory | undefined)[] = [];

  /** `shape`: 15 bits, not 0. */
  get(shape: number): DurationHistory {
    const known = this.#byShape[shape];
    if (known !== undefined) return known;
    // Numbers come in order, so that the array stays dense.
    while (this.#byShape.length < shape) this.#byShape.push(undefined);
    const history = new DurationHistory();
    this.#byShape[shape] = history;
    return history;
  }
}
