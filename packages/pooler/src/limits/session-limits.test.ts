import type { Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { defaultPoolerLimits } from '../config.ts';
import { startPooler, type Pooler } from '../pooler.ts';
import { FakeGateway, type FakeSession } from '../testing/fake-gateway.ts';
import { FakePostgres } from '../testing/fake-postgres.ts';
import { noShares, type Shares } from './shares.ts';

const relay: Endpoint = { kind: 'tcp', host: 'pooler', port: 6543 };

interface House {
  readonly world: QuietWorld;
  readonly postgres: FakePostgres;
  readonly pooler: Pooler;
  readonly gateway: FakeGateway;
}

async function house(shares: Partial<Shares>, sessionsMax: number = 100): Promise<House> {
  const world = quietWorld();
  const postgres = await FakePostgres.start(world);
  const limits = { ...defaultPoolerLimits, sessionsMax };
  const config = { id: 'pooler', relay, postgres: postgres.endpoint, limits, shares: { ...noShares, ...shares } };
  const pooler = await startPooler(world, config);
  return { world, postgres, pooler, gateway: await FakeGateway.connect(world, relay) };
}

const oneJoe: Partial<Shares> = { users: new Map([['joe', { sessionsMax: 1 }]]) };

function verdict(session: FakeSession): string {
  if (session.opened !== undefined) return 'in';
  return session.ended === undefined ? 'waits' : `${session.ended.sqlstate} ${session.ended.message}`;
}

describe('a limit of sessions', () => {
  it('refuses one session more of a user, in whatever database, and nobody else', async () => {
    const { gateway } = await house({ users: new Map([['joe', { sessionsMax: 2 }]]) });
    const verdicts: string[] = [];
    for (const [user, database] of [
      ['joe', 'a'],
      ['joe', 'b'],
      ['joe', 'c'],
      ['ann', 'a'],
    ] as const)
      verdicts.push(verdict(await gateway.session({ user, database })));
    expect(verdicts).toEqual(['in', 'in', '53300 too many connections for role "joe"', 'in']);
  });

  it('refuses one session more in a database, by the name that clients use', async () => {
    const databases = new Map([['shop', { sessionsMax: 1, database: 'shop_2024' }]]);
    const { gateway, pooler } = await house({ databases });
    expect(verdict(await gateway.session({ user: 'joe', database: 'shop' }))).toBe('in');
    expect(verdict(await gateway.session({ user: 'ann', database: 'shop' }))).toBe(
      '53300 too many connections for database "shop"',
    );
    expect(verdict(await gateway.session({ user: 'ann', database: 'shop_2024' }))).toBe('in');
    expect(pooler.status().pools.map(({ database }) => database)).toEqual(['shop_2024', 'shop_2024']);
  });

  it('for all holds for whoever has none of its own', async () => {
    const { gateway } = await house({ ...oneJoe, anyUser: { sessionsMax: 2 }, anyDatabase: { sessionsMax: 3 } });
    const verdicts: string[] = [];
    for (const user of ['joe', 'joe', 'ann', 'ann', 'ann', 'bob'])
      verdicts.push(verdict(await gateway.session({ user })));
    expect(verdicts).toEqual([
      'in',
      '53300 too many connections for role "joe"',
      'in',
      'in',
      '53300 too many connections for role "ann"',
      '53300 too many connections for database "d"',
    ]);
  });

  it('has room again when a session is closed, when its gateway goes and when its login failed', async () => {
    const { world, gateway, postgres } = await house(oneJoe);
    const first = await gateway.session({ user: 'joe' });
    first.close();
    expect(verdict(await gateway.session({ user: 'joe' }))).toBe('in');
    gateway.link.destroy();
    await world.settle();
    const other = await FakeGateway.connect(world, relay);
    postgres.refuses = '28P01';
    for (let attempt = 0; attempt < 3; attempt++)
      expect(verdict(await other.session({ user: 'joe', database: 'other' }))).toMatch(/^28P01/);
    postgres.refuses = undefined;
    expect(verdict(await other.session({ user: 'joe', database: 'other' }))).toBe('in');
  });

  it('counts who is still logging in, and no longer who gave up meanwhile', async () => {
    const { world, gateway, postgres } = await house(oneJoe);
    postgres.isSilent = true;
    const first = await gateway.session({ user: 'joe' });
    expect(verdict(first)).toBe('waits');
    expect(verdict(await gateway.session({ user: 'joe' }))).toMatch(/^53300/);
    first.close();
    await world.settle();
    expect(verdict(await gateway.session({ user: 'joe' }))).toBe('waits');
    gateway.link.destroy();
    await world.settle();
    const other = await FakeGateway.connect(world, relay);
    expect(verdict(await other.session({ user: 'joe' }))).toBe('waits');
  });

  it('does not keep out who is reserved a place, who counts all the same', async () => {
    const shares = { reserved: new Set(['postgres']), anyUser: { sessionsMax: 1 }, anyDatabase: { sessionsMax: 2 } };
    const { gateway } = await house(shares, 3);
    const verdicts: string[] = [];
    for (const user of ['postgres', 'postgres', 'postgres', 'postgres', 'joe'])
      verdicts.push(verdict(await gateway.session({ user })));
    expect(verdicts).toEqual(['in', 'in', 'in', 'in', '53300 sorry, too many clients already']);
  });

  it('that is changed holds for who comes, and throws nobody out', async () => {
    const { gateway, pooler, world } = await house({});
    const before = [await gateway.session({ user: 'joe' }), await gateway.session({ user: 'joe' })];
    pooler.adjust({ limits: defaultPoolerLimits, shares: { ...noShares, ...oneJoe } });
    expect(verdict(await gateway.session({ user: 'joe' }))).toMatch(/^53300/);
    before[0]?.close();
    await world.settle();
    expect(verdict(await gateway.session({ user: 'joe' }))).toMatch(/^53300/);
    expect(before[1]?.ended).toBeUndefined();
    before[1]?.close();
    await world.settle();
    expect(verdict(await gateway.session({ user: 'joe' }))).toBe('in');
  });
});
