import type { Clock } from '../clock.ts';
import type { ContractTest } from './contract-test.ts';
import { expect, expectSame, expectThrows, within } from './expect.ts';

/** A chain of awaits, each of which becomes ready only when the one before it is. */
async function chain(depth: number, done: () => void): Promise<void> {
  for (let i = 0; i < depth; i++) await Promise.resolve();
  done();
}

/** Resolves when `run`, called by a timer, has been called. */
function later(clock: Clock, delayMs: number, run: () => void = () => undefined): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, () => {
      run();
      resolve();
    });
  });
}

function soon(clock: Clock, run: () => void = () => undefined): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(() => {
      run();
      resolve();
    });
  });
}

/** Makes timers of these delays and checks in which order they fire. Making them takes real clocks time, so deadlines are known by bounds. */
async function expectInOrder(clock: Clock, delays: readonly number[]): Promise<void> {
  const fired: { readonly i: number; readonly delay: number; readonly earliest: number; readonly latest: number }[] =
    [];
  const all = delays.map((delay, i) => {
    const earliest = clock.nowMs() + delay;
    const timer = later(clock, delay, () => fired.push({ i, delay, earliest, latest }));
    const latest = clock.nowMs() + delay;
    return timer;
  });
  await within(clock, Promise.all(all), 'the timers');
  let passed = -Infinity;
  const lastOf = new Map<number, number>();
  for (const { i, delay, earliest, latest } of fired) {
    expect(latest >= passed, `timer ${i} fired after one of a later deadline`);
    expect((lastOf.get(delay) ?? -1) < i, `timer ${i} fired after a later one of the same delay`);
    passed = Math.max(passed, earliest);
    lastOf.set(delay, i);
  }
  expectSame(fired.length, delays.length, 'how many fired');
}

const reading: readonly ContractTest[] = [
  {
    name: 'monotonic time never goes back',
    async run({ clock }): Promise<void> {
      let last = clock.nowMs();
      for (let i = 0; i < 200; i++) {
        if (i % 20 === 0) await clock.sleep(0.2);
        const now = clock.nowMs();
        expect(Number.isFinite(now) && now >= last, `${now} is not before ${last}`);
        last = now;
      }
    },
  },
  {
    name: 'wall time is a number of milliseconds since 1970',
    async run({ clock }): Promise<void> {
      const wall = clock.wallMs();
      expect(Number.isFinite(wall) && wall >= 0 && wall < 8.64e15, `${wall} is a time`);
    },
  },
];

const timers: readonly ContractTest[] = [
  {
    name: 'a timer never fires inside the call that made it, nor before the promises that are ready',
    async run({ clock }): Promise<void> {
      const seen: string[] = [];
      const fired = later(clock, 0, () => seen.push('timer'));
      const chained = chain(50, () => seen.push('promise'));
      expectSame(seen, [], 'what ran inside the call');
      await within(clock, Promise.all([fired, chained]), 'a timer without delay');
      expectSame(seen, ['promise', 'timer'], 'the order');
    },
  },
  {
    name: 'a timer never fires early',
    async run({ clock }): Promise<void> {
      for (const delayMs of [0, 0.4, 1, 1.6, 3, 5.25, 17.9]) {
        for (let round = 0; round < 3; round++) {
          const start = clock.nowMs();
          await within(clock, later(clock, delayMs), `a timer of ${delayMs} ms`);
          const waited = clock.nowMs() - start;
          expect(waited >= delayMs - 1e-6, `a timer of ${delayMs} ms fired after ${waited} ms`);
        }
      }
    },
  },
  {
    name: 'a sleep never ends early',
    async run({ clock }): Promise<void> {
      const start = clock.nowMs();
      await within(clock, clock.sleep(12.5), 'a sleep');
      expect(clock.nowMs() - start >= 12.5 - 1e-6, 'it took at least as long');
    },
  },
  {
    name: 'timers fire in the order of their deadlines, equal ones in the order they were made',
    run: ({ clock }) => expectInOrder(clock, [12, 4, 8, 12, 4, 30, 0, 8, 12]),
  },
  {
    name: 'a thousand timers all fire, in order',
    run: ({ clock }) =>
      expectInOrder(
        clock,
        Array.from({ length: 1000 }, (_, i) => (i * 7919) % 40),
      ),
  },
  {
    name: 'the promises that a timer made ready run before the next timer, even of the same deadline',
    async run({ clock }): Promise<void> {
      const seen: string[] = [];
      const all = ['a', 'b', 'c'].map((name) =>
        later(clock, 3, () => {
          seen.push(name);
          void chain(20, () => seen.push(`${name}'`));
        }),
      );
      await within(
        clock,
        Promise.all(all).then(() => clock.sleep(1)),
        'the timers',
      );
      expectSame(seen, ['a', "a'", 'b', "b'", 'c', "c'"], 'the order');
    },
  },
];

const cancelling: readonly ContractTest[] = [
  {
    name: 'a cancelled timer does not fire; cancelling again, or after it fired, does nothing',
    async run({ clock }): Promise<void> {
      let fired = 0;
      const cancelled = clock.after(2, () => (fired += 1));
      const kept = clock.after(2, () => (fired += 10));
      cancelled.cancel();
      cancelled.cancel();
      await within(clock, clock.sleep(8), 'a sleep');
      kept.cancel();
      cancelled.cancel();
      await within(clock, clock.sleep(2), 'a sleep');
      expectSame(fired, 10, 'which fired');
    },
  },
  {
    name: 'a timer cancelled by another one of the same deadline does not fire',
    async run({ clock }): Promise<void> {
      const seen: string[] = [];
      const first = clock.after(3, () => {
        seen.push('first');
        second.cancel();
      });
      const second = clock.after(3, () => seen.push('second'));
      await within(clock, later(clock, 6), 'a later timer');
      first.cancel();
      expectSame(seen, ['first'], 'which fired');
    },
  },
  {
    name: 'a delay of months does not fire at once, and an infinite one never',
    async run({ clock }): Promise<void> {
      let fired = 0;
      const farOff = [2 ** 31, 2 ** 32 + 1, 1e12, Infinity].map((delayMs) => clock.after(delayMs, () => (fired += 1)));
      await within(clock, clock.sleep(15), 'a sleep');
      for (const timer of farOff) timer.cancel();
      expectSame(fired, 0, 'how many fired');
    },
  },
  {
    name: 'a negative delay, or one that is no number, is a bug of the caller',
    async run({ clock }): Promise<void> {
      for (const delayMs of [-1, -Infinity, NaN])
        expectThrows(() => clock.after(delayMs, () => undefined), `after(${delayMs})`);
    },
  },
];

const turns: readonly ContractTest[] = [
  {
    name: 'soon never runs inside the call, but after the promises that are ready and before a timer that is not yet due',
    async run({ clock }): Promise<void> {
      const seen: string[] = [];
      const timer = later(clock, 40, () => seen.push('timer'));
      const end = soon(clock, () => seen.push('soon'));
      const chained = chain(50, () => seen.push('promise'));
      expectSame(seen, [], 'what ran inside the call');
      await within(clock, Promise.all([timer, end, chained]), 'the end of the turn');
      expectSame(seen, ['promise', 'soon', 'timer'], 'the order');
    },
  },
  {
    name: 'what is asked for soon runs in the order of asking, with the promises of each before the next',
    async run({ clock }): Promise<void> {
      const seen: string[] = [];
      const all = ['a', 'b', 'c'].map((name) =>
        soon(clock, () => {
          seen.push(name);
          void chain(20, () => seen.push(`${name}'`));
        }),
      );
      await within(
        clock,
        Promise.all(all).then(() => soon(clock)),
        'the end of the turn',
      );
      expectSame(seen, ['a', "a'", 'b', "b'", 'c', "c'"], 'the order');
    },
  },
  {
    name: 'what is asked for soon at the end of a turn runs at the end of the next one',
    async run({ clock }): Promise<void> {
      const seen: string[] = [];
      const nested = new Promise<void>((resolve) => {
        clock.soon(() => {
          seen.push('first');
          clock.soon(() => {
            seen.push('nested');
            resolve();
          });
          expectSame(seen, ['first'], 'what ran inside the call');
        });
        clock.soon(() => seen.push('second'));
      });
      await within(clock, nested, 'the next turn');
      expectSame(seen, ['first', 'second', 'nested'], 'the order');
    },
  },
];

export const clockContract: readonly ContractTest[] = [...reading, ...timers, ...cancelling, ...turns];
