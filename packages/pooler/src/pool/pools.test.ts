import { quietWorld } from '@multigres/core/quiet';
import { expect, it } from 'vitest';
import { defaultPoolerLimits } from '../config.ts';
import type { PoolEnvironment } from './pool.ts';
import { Pools } from './pools.ts';

it('a database that nobody was ever served in leaves nothing behind, however often its name is tried', () => {
  const environment = { clock: quietWorld().clock } as unknown as PoolEnvironment;
  const pools = new Pools(defaultPoolerLimits, environment);
  for (const database of ['nowhere', 'neither']) pools.get({ user: 'u', database, settings: [] });
  pools.tidy([]);
  expect([[...pools].length, pools.totals().size, pools.knows('nowhere')]).toEqual([0, 0, false]);
});
