import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { balance, fairShares, type Places } from './fair-shares.ts';

const stake = fc.record({
  user: fc.constantFrom('a', 'b', 'c'),
  database: fc.constantFrom('x', 'y'),
  backends: fc.nat(10),
  wants: fc.nat(20),
  sinceMs: fc.oneof(fc.nat(1000), fc.constant(Infinity)),
});
const places = fc
  .record({ all: fc.nat(40), user: fc.nat(20), database: fc.nat(30) })
  .map(({ all, user, database }): Places => ({ all, ofUser: () => user, ofDatabase: () => database }));
const unlimited = (all: number): Places => ({ all, ofUser: () => Infinity, ofDatabase: () => Infinity });
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe('shares', () => {
  it.each([
    [[100, 3], 80, [77, 3]],
    [[100, 100], 80, [40, 40]],
    [[100, 100, 5], 80, [38, 37, 5]],
    [[2, 3], 80, [2, 3]],
    [[1, 1, 1], 2, [1, 1, 0]],
  ])('of pools that want %j out of %i are %j', (wants, all, expected) => {
    const stakes = wants.map((want, i) => ({ user: `u${i}`, database: 'd', backends: 0, wants: want, sinceMs: i }));
    expect(fairShares(stakes, unlimited(all))).toEqual(expected);
  });

  it('go first to who has waited for longest when there are more pools than backends', () => {
    const stakes = [5, 1, 3].map((sinceMs) => ({ user: 'u', database: 'd', backends: 0, wants: 1, sinceMs }));
    expect(fairShares(stakes, unlimited(2))).toEqual([0, 1, 1]);
  });

  test.prop([fc.array(stake, { maxLength: 12 }), places])(
    'keep every limit, and whoever gets less than he wants has no less than others, or has reached a limit',
    (stakes, limits) => {
      const shares = fairShares(stakes, limits);
      const of = (key: 'user' | 'database', name: string): number =>
        sum(shares.filter((_, i) => stakes[i]?.[key] === name));
      expect(sum(shares)).toBeLessThanOrEqual(limits.all);
      for (const [i, { user, database, wants }] of stakes.entries()) {
        const share = shares[i] as number;
        expect(share).toBeLessThanOrEqual(wants);
        expect(of('user', user)).toBeLessThanOrEqual(limits.ofUser(user));
        expect(of('database', database)).toBeLessThanOrEqual(limits.ofDatabase(database));
        if (share === wants) continue;
        const rivals = stakes.flatMap((other, j) => {
          const shut =
            (other.user === user && of('user', user) === limits.ofUser(user)) ||
            (other.database === database && of('database', database) === limits.ofDatabase(database)) ||
            sum(shares) === limits.all;
          return shut ? [shares[j] as number] : [];
        });
        expect(rivals.length, 'some limit is reached').toBeGreaterThan(0);
        const bound = sum(shares) === limits.all || rivals.some((rival) => rival <= share + 1);
        expect(bound).toBe(true);
      }
    },
  );

  test.prop([fc.array(stake, { maxLength: 12 }), fc.nat(40)])(
    'differ by at most one between pools that want more',
    (stakes, all) => {
      const shares = fairShares(stakes, unlimited(all));
      const hungry = shares.filter((share, i) => share < (stakes[i]?.wants ?? 0));
      for (const least of hungry) expect(Math.max(...shares)).toBeLessThanOrEqual(least + 1);
      if (hungry.length > 0) expect(sum(shares)).toBe(all);
    },
  );
});

describe('what pools give back', () => {
  test.prop([fc.array(stake, { maxLength: 12 }), places])(
    'is never of what is theirs by right, and makes room for all that others lack',
    (stakes, limits) => {
      const verdicts = balance(stakes, limits);
      const shares = fairShares(stakes, limits);
      if (verdicts === undefined) {
        expect(sum(stakes.map(({ backends }) => backends))).toBeLessThanOrEqual(limits.all);
        for (const [i, { backends }] of stakes.entries()) expect(shares[i]).toBeLessThanOrEqual(backends);
        return;
      }
      let after = 0;
      for (const [i, { backends }] of stakes.entries()) {
        const { share, givesBack } = verdicts[i] as { share: number; givesBack: number };
        expect(share).toBe(shares[i]);
        expect(givesBack).toBeLessThanOrEqual(Math.max(0, backends - share));
        after += Math.max(share, backends - givesBack);
      }
      expect(after).toBeLessThanOrEqual(limits.all);
    },
  );
});
