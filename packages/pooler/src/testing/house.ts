import type { Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { defaultPoolerLimits, type PoolerLimits } from '../config.ts';
import { startPooler, type Pooler } from '../pooler.ts';
import { FakeGateway } from './fake-gateway.ts';
import { FakePostgres } from './fake-postgres.ts';

const relay: Endpoint = { kind: 'tcp', host: 'pooler', port: 6543 };

/** A pooler between a scripted Postgres and a scripted gateway. */
export interface House {
  readonly world: QuietWorld;
  readonly postgres: FakePostgres;
  readonly pooler: Pooler;
  readonly gateway: FakeGateway;
}

export async function house(limits: Partial<PoolerLimits> = {}): Promise<House> {
  const world = quietWorld();
  const postgres = await FakePostgres.start(world);
  const pooler = await startPooler(world, {
    id: 'pooler',
    relay,
    postgres: postgres.endpoint,
    // Most tests are about who gets which backend, whatever the texts.
    limits: { ...defaultPoolerLimits, slowMs: Infinity, ...limits },
  });
  return { world, postgres, pooler, gateway: await FakeGateway.connect(world, relay) };
}
