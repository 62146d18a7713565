import { assert } from './assert.ts';

/**
 * An unbiased integer in [0, limit) from a source of uniform 32-bit words: draws that would make the low numbers likelier are thrown away
 * (at most every second one). `limit` is an integer in [1, 2^48]; anything else is refused by assertion.
 */
export function uniformBelow(limit: number, word: () => number): number {
  assert(Number.isInteger(limit) && limit >= 1 && limit <= 2 ** 48, 'a limit is an integer from 1 to 2^48');
  const range = limit <= 2 ** 32 ? 2 ** 32 : 2 ** 48;
  const fair = range - (range % limit);
  for (;;) {
    const value = limit <= 2 ** 32 ? word() : (word() & 0xffff) * 2 ** 32 + word();
    if (value < fair) return value % limit;
  }
}

/** A number in [0, 1) with all 53 bits that fit. */
export function uniformFraction(word: () => number): number {
  return ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;
}
