import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuietRandom } from '../world/quiet/quiet-random.ts';
import { assert, AssertionFailed, check, unreachable } from './assert.ts';
import { backoffMs } from './backoff.ts';
import { concat, emptyBytes, hex, sameBytes, sameSecret, utf8, utf8Into, utf8Text } from './bytes.ts';
import { parseDurationMs } from './duration.ts';
import { formatLsn, lsnZero, parseLsn, type Lsn } from './lsn.ts';
import { uniformBelow, uniformFraction } from './uniform.ts';

describe('assertions', () => {
  it('throw with the invariant that does not hold, and do nothing if it does', () => {
    assert(true, 'fine');
    expect(() => assert(false, 'the map has no gaps')).toThrow(new AssertionFailed('the map has no gaps'));
    expect(() => unreachable('x' as never)).toThrow(AssertionFailed);
  });

  it('check names the first invariant that is broken', () => {
    const invariants = { 'it is positive': (n: number) => n > 0, 'it is even': (n: number) => n % 2 === 0 };
    check(2, invariants);
    expect(() => check(3, invariants)).toThrow('it is even');
  });
});

describe('backoff', () => {
  it('stays between one millisecond and a ceiling that doubles up to the last', () => {
    const random = new QuietRandom('backoff');
    const bounds = { firstMs: 50, lastMs: 1000 };
    for (const [attempt, ceiling] of [
      [0, 50],
      [1, 100],
      [4, 800],
      [5, 1000],
      [5000, 1000],
    ] as const) {
      const waits = Array.from({ length: 500 }, () => backoffMs(attempt, random, bounds));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...waits)).toBeLessThanOrEqual(ceiling);
      expect(Math.max(...waits)).toBeGreaterThan(ceiling * 0.9);
    }
  });

  it('waits at least a millisecond even when the bounds are nothing', () => {
    expect(backoffMs(0, new QuietRandom('zero'), { firstMs: 0, lastMs: 0 })).toBe(1);
  });
});

describe('bytes', () => {
  it('text and bytes are inverse, and malformed bytes become replacement characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => utf8Text(utf8(text)) === text.toWellFormed()));
    expect(utf8Text(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\ufffdb');
  });

  it('utf8Into writes where it is told and answers how many', () => {
    const into = new Uint8Array(8);
    expect(utf8Into('é!', into, 2)).toBe(3);
    expect(hex(into)).toBe('0000c3a921000000');
  });

  it('concat joins in order', () => {
    const parts = [utf8('a'), emptyBytes, utf8('bc')];
    expect(utf8Text(concat(parts))).toBe('abc');
    expect(concat([])).toEqual(emptyBytes);
    expect(concat([parts[2] as Uint8Array])).toBe(parts[2]);
  });

  it('comparisons see every difference', () => {
    const bytes = fc.uint8Array({ maxLength: 20 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const same = hex(a) === hex(b);
        expect([sameBytes(a, b), sameSecret(a, b)]).toEqual([same, same]);
        expect([sameBytes(a, a.slice()), sameSecret(a, a.slice())]).toEqual([true, true]);
      }),
    );
    expect(sameSecret(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  });
});

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['2s', 2000],
    ['1.5s', 1500],
    ['5min', 300_000],
    ['2 h', 7_200_000],
    ['1d', 86_400_000],
    ['500us', 0.5],
    [' 42 ', 42],
    ['', undefined],
    ['-1s', undefined],
    ['1m', undefined],
    ['s', undefined],
    ['1s2', undefined],
  ])('%j is %j milliseconds', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });
});

describe('LSNs', () => {
  it('text and position are inverse', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => parseLsn(formatLsn(lsn as Lsn)) === lsn),
    );
    expect(formatLsn(parseLsn('16/b374d848') ?? lsnZero)).toBe('16/B374D848');
    expect(formatLsn(lsnZero)).toBe('0/0');
  });

  it.each(['', '16', '16/', '/1', '123456789/0', '0/123456789', '0/g', ' 0/0'])('%j is none', (text) => {
    expect(parseLsn(text)).toBe(undefined);
  });
});

describe('uniform numbers', () => {
  it('throw away the words that would make low numbers likelier', () => {
    const words = [2 ** 32 - 1, 7];
    expect(uniformBelow(3 * 2 ** 30, () => words.shift() ?? 0)).toBe(7);
  });

  it('reach the last number of a range and never its end', () => {
    const highest = (): number => 2 ** 32 - 1;
    expect(uniformBelow(2 ** 48, highest)).toBe(2 ** 48 - 1);
    expect(uniformBelow(2 ** 32, highest)).toBe(2 ** 32 - 1);
    expect(uniformFraction(highest)).toBe(1 - 2 ** -53);
    expect(uniformFraction(() => 0)).toBe(0);
  });
});
