import { describe, expect, it } from 'vitest';
import { defaultPoolerLimits } from '../config.ts';
import { noShares } from '../limits/shares.ts';
import type { FakeSession } from '../testing/fake-gateway.ts';
import { house, type House } from '../testing/house.ts';

async function sessionsOf({ gateway }: House, user: string, count: number, database = 'd'): Promise<FakeSession[]> {
  const sessions: FakeSession[] = [];
  for (let i = 0; i < count; i++) sessions.push(await gateway.session({ user, database }));
  return sessions;
}

const begin = (sessions: readonly FakeSession[]): void => {
  for (const session of sessions) session.query('begin');
};
const open = (sessions: readonly FakeSession[]): number =>
  sessions.filter((session) => session.heard().includes('BEGIN')).length;

describe('places for backends', () => {
  it('go to who has less than his share as soon as one is free, also when those who have more would use it', async () => {
    const made = await house({ backendsMax: 4, poolBackendsMax: 10 });
    const { world } = made;
    const many = await sessionsOf(made, 'many', 8);
    begin(many);
    await world.settle();
    expect(open(many.slice(0, 4))).toBe(4);
    made.gateway.arrive({ user: 'few' });
    await world.advance(20);
    for (const session of many.slice(0, 4)) session.query('commit');
    await world.advance(50);
    const few = await sessionsOf(made, 'few', 3);
    begin(few);
    for (let i = 0; i < 6; i++) {
      for (const session of many) session.query('commit');
      await world.advance(50);
      begin(many);
      await world.advance(50);
    }
    expect(open(few)).toBe(2);
    expect(made.pooler.status().pools).toMatchObject([{ user: 'many' }, { user: 'few', leased: 2 }]);
  });

  it('are not taken from who uses his again and again, within his share', async () => {
    const made = await house({ backendsMax: 4, poolBackendsMax: 10 });
    const { world, postgres } = made;
    const few = await sessionsOf(made, 'few', 2);
    const many = await sessionsOf(made, 'many', 8);
    for (let i = 0; i < 20; i++) {
      begin(few);
      begin(many);
      await world.advance(50);
      for (const session of [...few, ...many]) session.query('commit');
      await world.advance(50);
    }
    expect(postgres.backends.length).toBeLessThanOrEqual(6);
  });

  it('are to be had again by who was asked for his and has since lost all', async () => {
    const made = await house({ backendsMax: 2, poolBackendsMax: 10 });
    const { world } = made;
    const lost = await sessionsOf(made, 'one', 2);
    begin(lost);
    await world.settle();
    expect(open(lost)).toBe(2);
    const [stays] = await sessionsOf(made, 'one', 1);
    // All places are taken: one is asked back.
    made.gateway.arrive({ user: 'other' });
    await world.advance(20);
    for (const session of lost) session.close();
    await world.advance(100);
    stays?.query('begin');
    await world.advance(1000);
    expect(stays?.heard()).toContain('BEGIN');
  });

  it.each(['user', 'database'] as const)('of one %s are limited, over all its pools', async (of) => {
    const made = await house({ backendsMax: 10 });
    const own = { ...(of === 'user' ? { anyUser: { backendsMax: 2 } } : { anyDatabase: { backendsMax: 2 } }) };
    made.pooler.adjust({ limits: { ...defaultPoolerLimits, backendsMax: 10 }, shares: { ...noShares, ...own } });
    const name = (i: number): [string, string] => (of === 'user' ? ['joe', `d${i}`] : [`u${i}`, 'shop']);
    const sessions: FakeSession[] = [];
    for (let i = 0; i < 3; i++) {
      const [user, database] = name(i);
      const session = made.gateway.arrive({ user, database });
      await made.world.advance(20);
      if (i < 2) begin([session]);
      await made.world.advance(20);
      sessions.push(session);
    }
    expect(sessions.map(({ opened }) => opened !== undefined)).toEqual([true, true, false]);
    expect(made.postgres.open).toHaveLength(2);
    sessions[0]?.query('commit');
    await made.world.advance(600);
    expect(sessions[2]?.opened).toBeDefined();
    expect(made.postgres.open).toHaveLength(2);
  });
});
