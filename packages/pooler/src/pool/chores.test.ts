import { describe, expect, it } from 'vitest';
import { quietWorld } from '@multigres/core/quiet';
import { house } from '../testing/house.ts';
import { chores, endOfLife, type Aged } from './chores.ts';

const limits = { idleMs: 100, checkMs: 30, warmBackends: 0 };
const aged = (idleSinceMs: number, endsMs = Infinity, more: Partial<Aged> = {}): Aged => ({
  idleSinceMs,
  endsMs,
  checkedMs: -Infinity,
  retired: false,
  ...more,
});

describe('what is to be done about backends', () => {
  it('closes those that were not used for long, but for the ones to be kept warm', () => {
    const idle = [aged(0), aged(1), aged(950)];
    expect(chores(idle, idle, 1000, limits).idle).toEqual(idle.slice(0, 2));
    expect(chores(idle, idle, 1000, { ...limits, warmBackends: 2 }).idle).toEqual(idle.slice(0, 1));
  });

  it('replaces old ones, a few at a time, the oldest first, each once', () => {
    const all = Array.from({ length: 20 }, (_, i) => aged(1000, 500 - i));
    const { old } = chores([], all, 1000, limits);
    expect(old.map(({ endsMs }) => endsMs)).toEqual([481, 482]);
    expect(chores([], [aged(0, 1, { retired: true })], 1000, limits).old).toEqual([]);
  });

  it('asks those for a sign of life that gave none for long', () => {
    const idle = [aged(960), aged(975), aged(960, Infinity, { checkedMs: 980 })];
    expect(chores(idle, idle, 1000, limits).check).toEqual(idle.slice(0, 1));
  });

  it('spreads the ends of what began together', () => {
    const { random } = quietWorld();
    const ends = Array.from({ length: 50 }, () => endOfLife(1000, 1000, random));
    expect(Math.min(...ends)).toBeGreaterThan(1900);
    expect(Math.max(...ends)).toBeLessThanOrEqual(2000);
    expect(new Set(ends).size).toBeGreaterThan(10);
    expect(endOfLife(1000, Infinity, random)).toBe(Infinity);
  });
});

describe('a backend', () => {
  it('that is old is replaced when its session gives it back, and not before', async () => {
    const { world, postgres, gateway } = await house({ lifetimeMs: 5_000 });
    const session = await gateway.session();
    session.query('begin');
    await world.advance(30_000);
    session.query('one');
    await world.settle();
    expect(session.heard()).toBe('C:BEGIN Z:T C:DONE Z:T');
    session.query('commit');
    await world.settle();
    session.query('two');
    await world.settle();
    expect(session.heard()).toBe('C:COMMIT Z:I C:DONE Z:I');
    expect(postgres.backends.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });

  it('that is dead and idle is noticed before anybody gets it', async () => {
    const { world, postgres, gateway, pooler } = await house({ checkMs: 15_000 });
    const session = await gateway.session();
    session.query('one');
    await world.advance(45_000);
    expect(postgres.open[0]?.log.filter((line) => line === 'Q ').length).toBe(2);
    for (const backend of postgres.open) backend.isDeaf = true;
    await world.advance(40_000);
    expect(pooler.status().pools[0]).toMatchObject({ idle: 0, leased: 0 });
    session.heard();
    session.query('two');
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
  });

  it('is closed when it was not used for long, although it was asked for signs of life', async () => {
    const { world, postgres, gateway } = await house({ checkMs: 15_000, idleMs: 60_000 });
    const session = await gateway.session();
    session.query('one');
    await world.advance(80_000);
    expect(postgres.open).toHaveLength(0);
  });

  it('is kept warm, and replaced when it is lost', async () => {
    const { world, postgres, gateway } = await house({ warmBackends: 2, idleMs: 1_000 });
    await gateway.session();
    await world.advance(60_000);
    expect(postgres.open).toHaveLength(2);
    postgres.open[0]?.kill();
    await world.settle();
    expect(postgres.open).toHaveLength(2);
  });
});

describe('who would have to wait', () => {
  it('is refused at once while the first in line has waited for too long', async () => {
    const { world, gateway } = await house({ poolBackendsMax: 1, shedMs: 500 });
    const sessions = [await gateway.session(), await gateway.session(), await gateway.session()];
    sessions[0]?.query('begin');
    await world.settle();
    sessions[1]?.query('one');
    await world.advance(400);
    sessions[2]?.query('two');
    await world.settle();
    expect(sessions[2]?.heard()).toBe('');
    await world.advance(200);
    const late = await gateway.session();
    late.query('three');
    await world.settle();
    expect(late.heard()).toBe('!53300 Z:I');
    sessions[0]?.query('commit');
    await world.settle();
    expect(sessions.map((session) => session.heard())).toEqual([
      'C:BEGIN Z:T C:COMMIT Z:I',
      'C:DONE Z:I',
      'C:DONE Z:I',
    ]);
  });
});
