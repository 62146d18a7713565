import type { Endpoint } from '@multigres/core';
import { ProtocolOracle } from '../check/protocol-oracle.ts';
import { PgClient } from '../workload/pg-client.ts';
import type { Weather } from '../world/weather.ts';
import { databaseName } from './postgres-node.ts';

const statements: readonly string[] = ['CREATE TABLE ledger (k text PRIMARY KEY, v text)'];

/** Makes the users' tables, straight at a Postgres; they belong to the users' role. */
export async function makeSchema(weather: Weather, endpoint: Endpoint): Promise<void> {
  const { kernel } = weather;
  const world = weather.world(weather.life('founder'), weather.machine('founder'));
  const client = await PgClient.open(world, {
    endpoint,
    parameters: [
      ['user', 'app'],
      ['database', databaseName],
    ],
    connectTimeoutMs: 5000,
    loginTimeoutMs: 10_000,
    oracle: new ProtocolOracle((sentence) => kernel.fail('protocol', `founder: ${sentence}`)),
    notified: () => undefined,
  });
  if ('refused' in client) {
    kernel.fail('set-up', `the founder cannot log in: ${JSON.stringify(client.refused)}`);
    return;
  }
  for (const statement of statements) {
    const { error } = await client.query(statement);
    if (error) kernel.fail('set-up', `${statement}: ${error.message}`);
  }
  client.terminate();
}
