import { describe, expect, it } from 'vitest';
import { Kernel, eventKind } from './kernel.ts';
import { newLife } from './life.ts';
import { RandomStream } from './random-stream.ts';

function kernel(): Kernel {
  return new Kernel({ seed: 'kernel test', limitMs: 60_000 });
}

const wait = (k: Kernel, us: number, life = k.god): Promise<void> =>
  new Promise((resolve) => {
    k.in(us, eventKind.timer, life, resolve);
  });

describe('the kernel', () => {
  it('runs every ready promise after each event, however deep the awaits are nested', async () => {
    const k = kernel();
    const order: string[] = [];
    const deep = async (levels: number): Promise<void> => (levels === 0 ? undefined : deep(levels - 1));
    await k.run(async () => {
      k.in(10, eventKind.timer, k.god, () => void deep(200).then(() => order.push('promise')));
      k.in(10, eventKind.timer, k.god, () => order.push('next event'));
      await wait(k, 20);
    });
    expect(order).toEqual(['promise', 'next event']);
    expect(k.failures).toEqual([]);
  });

  it.each([
    ['Date.now', () => Date.now()],
    ['new Date()', () => new Date()],
    ['Math.random', () => Math.random()],
    ['setTimeout', () => setTimeout(() => undefined, 1)],
    ['setImmediate', () => setImmediate(() => undefined)],
    ['performance.now', () => performance.now()],
    ['crypto.getRandomValues', () => crypto.getRandomValues(new Uint8Array(1))],
    ['process.hrtime', () => process.hrtime()],
    ['fetch', () => fetch('http://nowhere.invalid')],
  ])('fails the run with a hint when simulated code calls %s', async (name, call) => {
    const k = kernel();
    await k.run(async () => {
      await wait(k, 5);
      void call();
    });
    expect(k.failures.map((failure) => failure.oracle)).toEqual(['crash']);
    expect(k.failures[0]?.sentence).toContain(`${name} was called inside the simulation`);
    expect(k.failures[0]?.sentence).toContain('ask the World');
    expect(Date.now()).toBeGreaterThan(0);
  });

  it('fails the run on a rejection that nobody handles', async () => {
    const k = kernel();
    await k.run(async () => {
      k.in(10, eventKind.timer, k.god, () => void Promise.reject(new Error('forgotten')));
      await wait(k, 20);
    });
    expect(k.failures[0]?.sentence).toContain('forgotten');
    expect(k.failures[0]?.atMs).toBe(0.01);
  });

  it('lets nothing of a dead life happen, not even finally', async () => {
    const k = kernel();
    const life = newLife(1, 'victim');
    const seen: string[] = [];
    await k.run(async () => {
      const work = async (): Promise<void> => {
        try {
          await wait(k, 100, life);
          seen.push('resolved');
        } finally {
          seen.push('finally');
        }
      };
      void work();
      await wait(k, 50);
      life.alive = false;
      await wait(k, 100);
    });
    expect(seen).toEqual([]);
    expect(k.failures).toEqual([]);
  });

  it('delivers late and in order what fell due while a life was paused', async () => {
    const k = kernel();
    const life = newLife(1, 'sleeper');
    const seen: string[] = [];
    await k.run(async () => {
      for (const us of [10, 30, 20]) k.in(us, eventKind.timer, life, () => seen.push(`${us} at ${k.nowUs}`));
      k.pause(life, 100);
      await wait(k, 200);
    });
    expect(seen).toEqual(['10 at 100', '20 at 100', '30 at 100']);
  });

  it('says so when everybody waits for ever, when time stands still and when the limit is reached', async () => {
    const stuck = kernel();
    await stuck.run(() => new Promise(() => undefined));
    expect(stuck.failures[0]?.sentence).toContain('waits for ever');

    const still = kernel();
    await still.run(async () => {
      const again = (): void => void still.in(0, eventKind.timer, still.god, again);
      again();
      await wait(still, 10);
    });
    expect(still.failures[0]?.sentence).toContain('time stands still');

    const slow = kernel();
    await slow.run(() => wait(slow, 61_000_000));
    expect(slow.failures[0]?.sentence).toContain('60 simulated seconds');
  });
});

describe('labelled random streams', () => {
  it('depend on their labels only, not on what was drawn before', () => {
    const one = new RandomStream('7');
    const two = new RandomStream('7');
    for (let i = 0; i < 10; i++) two.fraction();
    two.fork('other').fraction();
    expect(one.fork('net/a->b').bytes(8)).toEqual(two.fork('net/a->b').bytes(8));
    expect(one.fork('net/a->b').bytes(8)).not.toEqual(one.fork('net/b->a').bytes(8));
  });
});
