import { assert, type Random } from '@multigres/core';
import alea from 'seedrandom/lib/alea.js';

const limitMax = 2 ** 48;

/**
 * A labelled stream of dice: the seed is the path of labels, so that equal labels give equal streams whatever else was drawn before,
 * and a new draw in one component does not reshuffle the others. Generator: Alea (Baagøe), by seedrandom.
 */
export class RandomStream implements Random {
  readonly path: string;
  readonly #next: ReturnType<typeof alea>;

  constructor(path: string) {
    this.path = path;
    this.#next = alea(path);
  }

  below(limit: number): number {
    assert(Number.isInteger(limit) && limit >= 1 && limit <= limitMax, 'a limit is an integer in [1, 2^48]');
    // One draw has 32 bits; beyond a share of that the low numbers would be seen too often.
    return Math.floor((limit > 65_536 ? this.#next.double() : this.#next()) * limit);
  }

  fraction(): number {
    return this.#next.double();
  }

  bytes(length: number): Uint8Array {
    assert(Number.isInteger(length) && length >= 0, 'a length is an integer, not below 0');
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i++) out[i] = this.#next.int32() & 0xff;
    return out;
  }

  fork(label: string): RandomStream {
    return new RandomStream(`${this.path}/${label}`);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + this.#next.double() * (high - low);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Many small values, few large ones, with this mean; at most three times of it. (No logarithm: its last digit may differ between machines.) */
  skewed(mean: number): number {
    const u = this.#next();
    return 3 * mean * u * u;
  }
}
