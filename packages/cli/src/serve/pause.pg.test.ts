import { mkdtempSync, rmSync } from 'node:fs';
import { type Endpoint } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { SqlClient } from '../testing/sql-client.ts';

describe('a planned restart of Postgres', () => {
  let postgres: OwnPostgres;
  let pooler: Pooler;
  let gateway: Gateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    folder = mkdtempSync('/tmp/multigres-test-');
    const world = hostWorld();
    const relay: Endpoint = { kind: 'unix', path: `${folder}/relay` };
    const limits = { ...defaultPoolerLimits, poolBackendsMax: 3 };
    pooler = await startPooler(world, { id: 'pooler', relay, postgres: postgres.endpoint, limits });
    const listen: Endpoint[] = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }];
    gateway = await startGateway(
      world,
      { id: 'gateway', listen, auth: { kind: 'trust' }, limits: defaultGatewayLimits },
      relay,
    );
  });

  afterAll(async () => {
    await gateway?.stop();
    await pooler?.stop();
    await postgres?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const connect = (): Promise<SqlClient> =>
    SqlClient.connect({ port: (gateway.endpoints[0] as { readonly port: number }).port });

  it('between PAUSE and RESUME is noticed by nobody but by the time it takes', async () => {
    const founder = await connect();
    await founder.query('create table counted (n int)');
    const clients = await Promise.all(Array.from({ length: 8 }, connect));
    let goesOn = true;
    const done = clients.map(async (client, i) => {
      let acknowledged = 0;
      while (goesOn) {
        expect(await client.value(`select ${i} + 1`)).toBe(String(i + 1));
        await client.query('begin');
        await client.query(`insert into counted values (${i})`);
        await client.query('commit');
        acknowledged += 1;
      }
      return acknowledged;
    });
    await founder.query('select 1');
    await pooler.operations.pause();
    expect(pooler.status().backends).toBe(0);
    await postgres.stop();
    await postgres.start();
    const late = founder.value('select count(*) from counted');
    await pooler.operations.resume();
    expect(Number(await late)).toBeGreaterThan(0);
    goesOn = false;
    const acknowledged = (await Promise.all(done)).reduce((sum, count) => sum + count, 0);
    expect(Number(await founder.value('select count(*) from counted'))).toBe(acknowledged);
    await Promise.all([founder, ...clients].map((client) => client.end()));
  });
});
