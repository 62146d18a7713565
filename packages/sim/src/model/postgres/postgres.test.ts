import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { beforeAll, describe, expect, it } from 'vitest';

import { startPostgres, type PostgresModel } from './postgres.ts';
import type { PostgresOptions } from './server/options.ts';
import { loadGrammar } from './sql/parser.ts';
import { RawClient } from './testing/raw-client.ts';
import { story } from './testing/story.ts';

beforeAll(loadGrammar);

const endpoint = { kind: 'tcp', host: 'db', port: 5432 } as const;

interface Bench {
  readonly world: QuietWorld;
  readonly postgres: PostgresModel;
  connect(parameters?: Record<string, string>): Promise<RawClient>;
  /** Sends a query and answers what came back. */
  ask(client: RawClient, text: string): Promise<string[]>;
}

async function bench(options: Partial<PostgresOptions> = {}): Promise<Bench> {
  const world = quietWorld();
  const postgres = startPostgres(world, {
    endpoint,
    onUnsupported: (text) => {
      throw new Error(text);
    },
    ...options,
  });
  await world.until(postgres.ready);
  return {
    world,
    postgres,
    async connect(parameters) {
      const client = await world.until(RawClient.connect(world, endpoint, parameters));
      await world.settle();
      return client;
    },
    async ask(client, text) {
      client.take();
      client.query(text);
      await world.settle();
      return story(client.take());
    },
  };
}

describe('a simulated Postgres', () => {
  it('greets a client with its settings and is ready', async () => {
    const { connect } = await bench();
    const client = await connect();
    expect(story(client.take())).toMatchInlineSnapshot(`
      [
        "authenticationOk",
        "setting application_name=",
        "setting client_encoding=UTF8",
        "setting DateStyle=ISO, MDY",
        "setting default_transaction_read_only=off",
        "setting in_hot_standby=off",
        "setting integer_datetimes=on",
        "setting IntervalStyle=postgres",
        "setting is_superuser=on",
        "setting server_encoding=UTF8",
        "setting server_version=17.2",
        "setting session_authorization=postgres",
        "setting standard_conforming_strings=on",
        "setting TimeZone=UTC",
        "key",
        "ready I",
      ]
    `);
  });

  it('keeps what is committed and forgets what is rolled back', async () => {
    const { connect, ask, postgres } = await bench();
    const client = await connect();
    await ask(client, 'create table t (a int primary key, b text)');
    await ask(client, "insert into t values (1, 'x'), (2, 'y')");
    await ask(client, 'begin; delete from t where a = 1; rollback');
    expect(await ask(client, 'select * from t order by a')).toEqual([
      'columns a:23#1 b:25#2',
      'row 1|x',
      'row 2|y',
      'done SELECT 2',
      'ready I',
    ]);
    expect(postgres.inspect.rows('postgres', 't')).toEqual([
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ]);
  });
});
