import type { Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { defaultPoolerLimits, type PoolerConfig, type PoolerLimits } from '../config.ts';
import type { MemberConfig } from '../member/member-config.ts';
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

const member: MemberConfig = {
  pooler: { cell: 'a', name: 'pooler' },
  directory: '/member',
  pgctld: { kind: 'tcp', host: 'pgctld', port: 1 },
  postgresAddress: { kind: 'tcp', host: 'postgres', port: 5432 },
  superuser: 'postgres',
  replication: { user: 'replicator', password: '' },
};

/** The same for a member of a shard, whose gates the test opens and closes, and whose lease it holds. */
export async function memberHouse(): Promise<House> {
  const built = await house({}, { member });
  built.pooler.gates.leader.open();
  return built;
}

export async function house(limits: Partial<PoolerLimits> = {}, more: Partial<PoolerConfig> = {}): Promise<House> {
  const world = quietWorld();
  const postgres = await FakePostgres.start(world);
  const pooler = await startPooler(world, {
    id: 'pooler',
    relay,
    postgres: postgres.endpoint,
    // Most tests are about who gets which backend, whatever the texts.
    limits: { ...defaultPoolerLimits, slowMs: Infinity, ...limits },
    ...more,
  });
  return { world, postgres, pooler, gateway: await FakeGateway.connect(world, relay) };
}
