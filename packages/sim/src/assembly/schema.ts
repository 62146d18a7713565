import type { Endpoint } from '@multigres/core';
import { ProtocolOracle } from '../check/protocol-oracle.ts';
import { registerKeys } from '../check/consensus/registers.ts';
import { PgClient } from '../workload/pg-client.ts';
import type { Weather } from '../world/weather.ts';
import { databaseName } from './postgres-node.ts';

const usual = { database: databaseName, statements: ['CREATE TABLE ledger (k text PRIMARY KEY, v text)'] } as const;

interface Schema {
  readonly database: string;
  readonly statements: readonly string[];
}

/** For a shard: the ledger, and rows that everybody writes. */
export const shardSchema: Schema = {
  database: 'postgres',
  statements: [
    ...usual.statements,
    'CREATE TABLE registers (k text PRIMARY KEY, v text)',
    ...registerKeys.map((key) => `INSERT INTO registers (k) VALUES ('${key}')`),
  ],
};

/** Makes the users' tables, straight at a Postgres; they belong to the users' role. */
export async function makeSchema(
  weather: Weather,
  endpoint: Endpoint,
  { database, statements }: Schema = usual,
): Promise<void> {
  const { kernel } = weather;
  const world = weather.world(weather.life('founder'), weather.machine('founder'));
  const client = await PgClient.open(world, {
    endpoint,
    parameters: [
      ['user', 'app'],
      ['database', database],
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
