import { quietWorld } from '@multigres/core/quiet';
import { expect, it } from 'vitest';
import type { Backend } from '../backend/backend.ts';
import { defaultPoolerLimits } from '../config.ts';
import { Pool, type PoolEnvironment } from './pool.ts';
import { Pools } from './pools.ts';

it('a database that nobody was ever served in leaves nothing behind, however often its name is tried', () => {
  const environment = { clock: quietWorld().clock } as unknown as PoolEnvironment;
  const pools = new Pools(defaultPoolerLimits, environment);
  for (const database of ['nowhere', 'neither']) pools.get({ user: 'u', database, settings: [] });
  pools.tidy([]);
  expect([[...pools].length, pools.totals().size, pools.knows('nowhere')]).toEqual([0, 0, false]);
});

it('a pool that is told twice to give back two backends gives back two, also while they are on their way out', () => {
  const world = quietWorld();
  const { clock, random } = world;
  const environment = { clock, random, startBackend: () => false } as unknown as PoolEnvironment;
  const pool = new Pool(
    { user: 'u', database: 'd', settings: [] },
    { ...defaultPoolerLimits, backendsMax: 4, fastMs: 1 },
    environment,
  );
  const closed: number[] = [];
  for (let id = 0; id < 4; id++) {
    const identity = { parameters: new Map<string, string>() };
    pool.started({ id, identity, connectedMs: 0, close: () => closed.push(id) } as unknown as Backend);
  }
  pool.giveBack(2);
  pool.giveBack(2);
  expect(closed).toEqual([0, 1]);
  pool.giveBack(3);
  expect(closed).toEqual([0, 1, 2]);
});
