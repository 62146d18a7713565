import type { Endpoint } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { SqlClient } from '../testing/sql-client.ts';

/** Two backends and more sessions than that: whoever asks next gets what another one has used before. */
describe('the state of a session', () => {
  let postgres: OwnPostgres;
  let pooler: Pooler;
  let gateway: Gateway;
  const open: SqlClient[] = [];

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    const world = hostWorld();
    const relay: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 0 };
    pooler = await startPooler(world, {
      id: 'pooler',
      relay,
      postgres: postgres.endpoint,
      limits: { ...defaultPoolerLimits, poolBackendsMax: 2, sharedBackendsMax: 1 },
    });
    const listen: Endpoint[] = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }];
    const config = { id: 'gateway', listen, auth: { kind: 'trust' }, limits: defaultGatewayLimits } as const;
    gateway = await startGateway(world, config, pooler.relay as Endpoint);
    await (await connect()).query('create role ann; create role bob; create table t (id serial, a int)');
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})));
  });

  afterAll(async () => {
    await gateway?.stop();
    await pooler?.stop();
    await postgres?.remove();
  });

  async function connect(parameters: readonly (readonly [string, string])[] = []): Promise<SqlClient> {
    const { port } = gateway.endpoints[0] as { readonly port: number };
    const client = await SqlClient.connect({ port, parameters });
    open.push(client);
    return client;
  }

  /** Others use both backends, with settings of their own. */
  async function meanwhile(): Promise<void> {
    const others = await Promise.all([1, 2].map((i) => connect([['application_name', `other ${i}`]])));
    await Promise.all(
      others.map(async (other) => {
        await other.query("set work_mem to '9MB'; set timezone to 'Asia/Tokyo'; set role bob");
        await other.query('begin');
        await other.query('select pg_sleep(0.01)');
        await other.query('rollback');
      }),
    );
    for (const other of others) expect(await other.value('select current_user::text')).toBe('bob');
  }

  const leased = (): number => pooler.status().pools.reduce((all, pool) => all + pool.leased, 0);

  it('does not part those who started with other settings: they share the backends, and each has its own', async () => {
    const starts = [
      [['application_name', 'one']],
      [['application_name', 'zwei ünd']],
      [['options', '-c work_mem=5MB -c search_path=pg_catalog,public']],
      [
        ['TimeZone', 'america/lima'],
        ['DateStyle', 'German'],
        ['client_encoding', 'utf-8'],
      ],
    ] as const;
    const clients = await Promise.all(starts.map((start) => connect(start)));
    const look =
      "select concat_ws('|', current_setting('application_name'), current_setting('work_mem'), current_setting('search_path'), current_setting('timezone'), current_setting('datestyle'))";
    const direct = await Promise.all(
      starts.map(async (parameters) => {
        const client = await SqlClient.connect({ port: postgres.endpoint.port, parameters });
        const seen = await client.value(look);
        await client.end();
        return seen;
      }),
    );
    for (let round = 0; round < 3; round++) {
      expect(await Promise.all(clients.map((client) => client.value(look)))).toEqual(direct);
      for (const [i, client] of clients.entries()) {
        await client.query('begin');
        expect(await client.value(look)).toBe(direct[i]);
        await client.query('commit');
      }
    }
    expect(pooler.status().pools).toHaveLength(1);
  });

  it.each([
    ['an unknown name', [['options', '-c nonsense=1']]],
    ['a wrong value', [['timezone', 'Nowhere/Land']]],
    ['one that nobody can set', [['options', '-c max_connections=7']]],
    ['one that is set twice', [['options', '-c work_mem=1MB -c work_mem=oops']]],
  ] as const)('refuses a login with %s as Postgres does', async (_what, parameters) => {
    const expected = await SqlClient.connect({ port: postgres.endpoint.port, parameters }).catch(
      (error: unknown) => error,
    );
    const { sqlstate, message, severity } = (expected as { report: Record<string, unknown> }).report;
    await expect(connect(parameters)).rejects.toMatchObject({ report: { sqlstate, message, severity } });
  });

  it.each(['reset work_mem', 'reset all', 'discard all', 'set work_mem to default'])(
    'goes back to the start of the session with %s, not to that of the backend',
    async (reset) => {
      const client = await connect([
        ['application_name', 'mine'],
        ['options', '-c work_mem=5MB'],
      ]);
      await client.query("set work_mem to '7MB'");
      await client.query(reset);
      expect(await client.value('show work_mem')).toBe('5MB');
      await meanwhile();
      expect(await client.value('show work_mem')).toBe('5MB');
      expect(await client.value('show application_name')).toBe('mine');
    },
  );

  it('goes back there inside a transaction and on a kept backend, too, and comes back from there with a rollback', async () => {
    const client = await connect([['options', '-c work_mem=5MB']]);
    await client.query("set work_mem to '7MB'");
    await client.query('begin');
    await client.query('reset work_mem');
    expect(await client.value('show work_mem')).toBe('5MB');
    await client.query('set local work_mem to default');
    expect(await client.value('show work_mem')).toBe('5MB');
    await client.query('rollback');
    expect(await client.value('show work_mem')).toBe('7MB');
    await client.query('listen c');
    await client.query('reset all');
    expect(await client.value('show work_mem')).toBe('5MB');
  });

  it('has its roles wherever it runs', async () => {
    const client = await connect();
    await client.query('set role ann');
    await meanwhile();
    expect(await client.value("select session_user || ' ' || current_user")).toBe('postgres ann');
    await client.query('set session authorization bob');
    await meanwhile();
    expect(await client.value("select session_user || ' ' || current_user")).toBe('bob bob');
    await client.query('reset session authorization');
    await meanwhile();
    expect(await client.value("select session_user || ' ' || current_user")).toBe('postgres postgres');
    expect(leased()).toBe(0);
  });

  it('has the settings that a savepoint kept, and none that it undid', async () => {
    const client = await connect();
    for (const sql of [
      'begin',
      "set work_mem to '1MB'",
      'savepoint a',
      "set work_mem to '2MB'",
      'savepoint b',
      "set work_mem to '3MB'",
      'release b',
      'rollback to a',
      "set timezone to 'Asia/Tokyo'",
      'commit',
    ])
      await client.query(sql);
    await meanwhile();
    expect(await client.value("select current_setting('work_mem') || current_setting('timezone')")).toBe(
      '1MBAsia/Tokyo',
    );
    expect(leased()).toBe(0);
  });

  it('has its encoding wherever it runs', async () => {
    const client = await connect();
    await client.query("set names 'LATIN1'");
    await meanwhile();
    // One letter of two bytes is two letters of one byte each for this client.
    expect(await client.value("select octet_length('\u00e9')")).toBe('4');
    expect(leased()).toBe(0);
    await client.query('reset client_encoding');
    await meanwhile();
    expect(await client.value("select octet_length('\u00e9')")).toBe('2');
  });

  it('has settings of several statements in one text, and what one of them took back', async () => {
    const client = await connect([['options', '-c work_mem=5MB']]);
    await client.query("set work_mem to '2MB'; set timezone to 'Asia/Tokyo'");
    await client.query("set timezone to 'UTC'; select 1/0").catch(() => {});
    await meanwhile();
    expect(await client.value("select current_setting('work_mem') || current_setting('timezone')")).toBe(
      '2MBAsia/Tokyo',
    );
    await client.query('close all; unlisten *; select pg_advisory_unlock_all(); reset all');
    await meanwhile();
    expect(await client.value('show work_mem')).toBe('5MB');
    expect(leased()).toBe(0);
  });

  it.each([
    ['listen', ['listen a', 'listen b'], ['unlisten a', 'unlisten b']],
    ['listen to all', ['listen a', 'listen b'], ['unlisten *']],
    ['a temporary table', ['create temp table mine (a serial)'], ['drop table mine']],
    ['one that goes with its transaction', ['begin', 'create temp table mine (a int) on commit drop'], ['commit']],
    ['one that is rolled back', ['begin', 'create temp table mine (a int)'], ['rollback']],
    ['temporary objects', ['create temp table mine (a int)', 'create temp view v as select 1'], ['discard temp']],
    ['a held cursor', ['declare c cursor with hold for select 1'], ['close c']],
    [
      'held cursors',
      ['declare c cursor with hold for select 1', 'declare d cursor with hold for select 1'],
      ['close all'],
    ],
    ['an advisory lock', ['select pg_advisory_lock(7)'], ['select pg_advisory_unlock_all()']],
    ['a prepared statement', ['prepare p as select 1'], ['deallocate all']],
    ['everything', ['listen a', 'create temp table mine (a int)', 'prepare p as select 1'], ['discard all']],
  ] as const)('keeps a backend for %s, and no longer', async (_what, begin, end) => {
    const client = await connect();
    for (const sql of begin) await client.query(sql);
    expect(leased()).toBe(1);
    await client.query('select 1');
    expect(leased()).toBe(1);
    for (const sql of end) await client.query(sql);
    // The backend goes when the gateway has heard the answer, a moment after the client.
    await client.query('select 1');
    await client.query('select 1');
    expect(leased()).toBe(0);
    await meanwhile();
  });

  it.each([
    'selec 1',
    'select nowhere()',
    'select nothing from t',
    'select pg_advisory_lock(8); selec 1',
    'listen c d',
    'call nobody()',
  ])('keeps no backend for what Postgres did not begin with: %s', async (text) => {
    const client = await connect();
    await expect(client.query(text)).rejects.toMatchObject({ report: { sqlstate: expect.stringMatching(/^42/) } });
    await client.query('select 1');
    await client.query('select 1');
    expect(leased()).toBe(0);
    await client.query('select pg_advisory_lock(8)');
    await expect(client.query(text)).rejects.toMatchObject({ report: { severity: 'ERROR' } });
    await client.query('select 1');
    expect(leased()).toBe(1);
  });

  it.each([
    "do $$ begin perform pg_advisory_lock(9); execute 'selec 1'; end $$",
    "select pg_advisory_lock(9), query_to_xml('selec 1', true, true, '')",
    'select pg_advisory_lock(9); select nowhere()',
  ])('keeps one for what failed while it ran: %s', async (text) => {
    const client = await connect();
    await expect(client.query(text)).rejects.toMatchObject({ report: { sqlstate: expect.stringMatching(/^42/) } });
    await client.query('select 1');
    await client.query('select 1');
    expect(leased()).toBe(1);
  });

  it.each([
    [
      'a second temporary table',
      ['create temp table a (a int)', 'create temp table b (a int)', 'drop table a'],
      "select to_regclass('pg_temp.b') is not null",
    ],
    [
      'a table whose DROP was rolled back',
      ['create temp table b (a int)', 'begin', 'drop table b', 'rollback'],
      "select to_regclass('pg_temp.b') is not null",
    ],
    [
      'a table whose DROP was undone',
      ['create temp table b (a int)', 'begin', 'savepoint s', 'drop table b', 'rollback to s', 'commit'],
      "select to_regclass('pg_temp.b') is not null",
    ],
    [
      'a table that was renamed',
      ['create temp table a (a int)', 'alter table a rename to b', 'create table a (a int)', 'drop table a'],
      "select to_regclass('pg_temp.b') is not null",
    ],
    [
      'a second channel',
      ['listen a', 'listen b', 'unlisten a'],
      "select array_agg(c) = '{b}' from pg_listening_channels() c",
    ],
  ] as const)('keeps it for %s', async (_what, statements, look) => {
    const client = await connect();
    for (const sql of statements) await client.query(sql);
    await meanwhile();
    expect(await client.value(look)).toBe('t');
  });

  it('knows the sequences that it moved, as soon as its user is known to ask', async () => {
    const first = await connect();
    await first.query('insert into t (a) values (1)');
    await expect(first.query('select lastval()')).rejects.toMatchObject({ report: { sqlstate: '0A000' } });
    const [one, two] = [await connect(), await connect()];
    await one.query('insert into t (a) values (2)');
    const mine = await one.value('select lastval()');
    await two.query('insert into t (a) values (3)');
    expect(await one.value("select currval('t_id_seq')")).toBe(mine);
    expect(await two.value('select lastval()')).not.toBe(mine);
  });

  it('gives back what it keeps for currval() when others wait, and is refused the question then', async () => {
    await (await connect()).query("select nextval('t_id_seq'); select currval('t_id_seq')");
    const keepers = [await connect(), await connect()];
    for (const keeper of keepers) await keeper.query('insert into t (a) values (2)');
    const others = await Promise.all([1, 2, 3, 4].map(() => connect()));
    await Promise.all(others.map((other) => other.query('insert into t (a) values (3)')));
    await expect(Promise.all(keepers.map((keeper) => keeper.query('select lastval()')))).rejects.toMatchObject({
      report: { sqlstate: '0A000' },
    });
  });
});
