import type { Random } from '../random.ts';
import type { ContractTest } from './contract-test.ts';
import { expect, expectSame, expectThrows, isPlain } from './expect.ts';

const draw = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.below(1_000_000));

/** Six standard deviations: a fair die fails once in half a billion tests. */
function expectShare(hits: number, draws: number, probability: number, what: string): void {
  const allowed = 6 * Math.sqrt(draws * probability * (1 - probability));
  expect(
    Math.abs(hits - draws * probability) <= allowed,
    `${what}: ${hits} of ${draws}, expected ${draws * probability}`,
  );
}

const uniform: readonly ContractTest[] = [
  {
    name: 'below answers integers from zero up to, not including, the limit, each equally often',
    async run({ random }): Promise<void> {
      for (const limit of [1, 2, 3, 10]) {
        const counts = Array.from({ length: limit }, () => 0);
        const draws = 20_000;
        for (let i = 0; i < draws; i++) {
          const value = random.below(limit);
          expect(Number.isInteger(value) && value >= 0 && value < limit, `below(${limit}) answered ${value}`);
          counts[value] = (counts[value] as number) + 1;
        }
        counts.forEach((hits, value) => expectShare(hits, draws, 1 / limit, `below(${limit}) = ${value}`));
      }
    },
  },
  {
    name: 'large limits are not biased',
    async run({ random }): Promise<void> {
      // A remainder of 48 or of 32 random bits would hit the lower part of these ranges too often.
      for (const limit of [3 * 2 ** 30, 3 * 2 ** 46, 2 ** 48, 2 ** 40 + 1]) {
        const draws = 10_000;
        let low = 0;
        for (let i = 0; i < draws; i++) {
          const value = random.below(limit);
          expect(Number.isInteger(value) && value >= 0 && value < limit, `below(${limit}) answered ${value}`);
          if (value < limit / 3) low += 1;
        }
        expectShare(low, draws, 1 / 3, `the lowest third of ${limit}`);
      }
    },
  },
  {
    name: 'a limit that is no integer from 1 to 2^48 is a bug of the caller',
    async run({ random }): Promise<void> {
      for (const limit of [0, -1, 1.5, NaN, Infinity, 2 ** 48 + 1])
        expectThrows(() => random.below(limit), `below(${limit})`);
    },
  },
  {
    name: 'a fraction is at least zero and less than one, spread evenly',
    async run({ random }): Promise<void> {
      const draws = 10_000;
      let low = 0;
      for (let i = 0; i < draws; i++) {
        const value = random.fraction();
        expect(value >= 0 && value < 1, `${value} is a fraction`);
        if (value < 0.25) low += 1;
      }
      expectShare(low, draws, 0.25, 'the lowest quarter');
    },
  },
];

const bytes: readonly ContractTest[] = [
  {
    name: 'bytes answers as many as asked for, of every value',
    async run({ random }): Promise<void> {
      for (const length of [0, 1, 16, 33, 70_000]) {
        const drawn = random.bytes(length);
        expect(drawn.length === length && isPlain(drawn), `${length} bytes in a plain array`);
      }
      const counts = Array.from({ length: 256 }, () => 0);
      for (const byte of random.bytes(100_000)) counts[byte] = (counts[byte] as number) + 1;
      counts.forEach((hits, value) => expectShare(hits, 100_000, 1 / 256, `byte ${value}`));
    },
  },
  {
    name: 'bytes are the caller’s own: later draws do not touch them, and they are never the same again',
    async run({ random }): Promise<void> {
      const first = random.bytes(24);
      const copy = first.slice();
      first.fill(7, 20);
      const others = Array.from({ length: 200 }, () => random.bytes(24));
      expectSame(first.subarray(0, 20), copy.subarray(0, 20), 'the first bytes');
      expectSame(new Set(others.map((other) => other.join())).size, 200, 'how many are different');
    },
  },
];

const forks: readonly ContractTest[] = [
  {
    name: 'streams of different labels, and their parent, are independent',
    async run({ random }): Promise<void> {
      const streams = [random, random.fork('a'), random.fork('b'), random.fork('a').fork('b'), random.fork('')];
      const draws = streams.map((stream) => draw(stream, 8).join());
      expectSame(new Set(draws).size, streams.length, 'how many are different');
    },
  },
  {
    name: 'a fork has the whole contract',
    async run(world, tools): Promise<void> {
      const forked = { ...world, random: world.random.fork('component').fork('part') };
      for (const test of [...uniform, ...bytes]) await test.run(forked, tools);
    },
  },
  {
    name: 'with a seed: equal seeds and labels give equal streams, whatever else is drawn or forked',
    async run(_world, { seeded }): Promise<void> {
      if (!seeded) return;
      const [left, right] = [seeded('42'), seeded('42')];
      draw(right, 5);
      right.fork('other');
      right.fork('label').bytes(3);
      expectSame(draw(left.fork('label'), 20), draw(right.fork('label'), 20), 'the fork');
      expectSame(draw(left, 25).slice(5), draw(right, 20), 'the parent');
      expect(draw(seeded('42'), 8).join() !== draw(seeded('43'), 8).join(), 'another seed gives another stream');
    },
  },
];

export const randomContract: readonly ContractTest[] = [...uniform, ...bytes, ...forks];
