import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { beforeAll, describe, expect, it } from 'vitest';

import { startPostgres, type PostgresModel } from './postgres.ts';
import type { PostgresOptions } from './server/options.ts';
import { loadGrammar } from './sql/parser.ts';
import { RawClient } from './testing/raw-client.ts';
import { scramLogin, sendCancel } from './testing/logins.ts';
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

  it('keeps what was flushed and may lose what was not when it crashes', async () => {
    const { world, connect, postgres } = await bench({ flushDelayMs: { least: 5, greatest: 5 } });
    const client = await connect();
    client.query('create table t (a int primary key); insert into t values (1)');
    await world.advance(50);
    client.query('begin; insert into t values (2)');
    await world.advance(50);
    const other = await connect();
    other.query('insert into t values (3)');
    await world.settle();
    expect(postgres.inspect.flushedLsn()).not.toBe(postgres.inspect.insertLsn());
    postgres.crash();
    await world.advance(10);
    expect([client.closed, other.closed, postgres.phase]).toEqual([true, true, 'down']);
    await expect(world.until(RawClient.connect(world, endpoint))).rejects.toThrow(/nobody listens/);
    await world.until(postgres.start());
    const values = postgres.inspect.rows('postgres', 't')?.map((row) => row['a']);
    expect([['1'], ['1', '3']]).toContainEqual(values);
    const again = await connect();
    again.query('insert into t values (2) returning a');
    await world.advance(50);
    expect(story(again.take())).toContain('row 2');
  });

  it('answers 57P03 while it starts', async () => {
    const world = quietWorld();
    const postgres = startPostgres(world, {
      endpoint,
      onUnsupported: () => {},
      startDelayMs: { least: 100, greatest: 100 },
    });
    await world.advance(10);
    const client = await world.until(RawClient.connect(world, endpoint));
    await world.settle();
    expect(story(client.take())).toEqual(['FATAL 57P03 the database system is starting up']);
    await world.until(postgres.ready);
    expect(postgres.phase).toBe('up');
  });

  it('refuses unknown roles, unknown databases and one connection too many', async () => {
    const { connect } = await bench({ settings: { max_connections: '2' } });
    expect(story((await connect({ user: 'nobody' })).take()).at(-1)).toBe('FATAL 28000 role "nobody" does not exist');
    expect(story((await connect({ user: 'postgres', database: 'x' })).take()).at(-1)).toBe(
      'FATAL 3D000 database "x" does not exist',
    );
    await connect();
    await connect();
    expect(story((await connect()).take())).toEqual(['FATAL 53300 sorry, too many clients already']);
  });

  it('logs in with SCRAM, and not with a wrong password', async () => {
    const { world } = await bench({
      roles: [{ name: 'ann', password: 'secret' }],
      authentication: 'scram-sha-256',
      scramIterations: 4096,
    });
    expect(await scramLogin(world, endpoint, 'ann', 'secret')).toBe('ready I');
    expect(await scramLogin(world, endpoint, 'ann', 'wrong')).toBe(
      'FATAL 28P01 password authentication failed for user "ann"',
    );
    expect(await scramLogin(world, endpoint, 'bob', 'secret')).toBe(
      'FATAL 28P01 password authentication failed for user "bob"',
    );
  });

  it('cancels a statement for who knows the key, and nothing for who does not', async () => {
    const { world, connect } = await bench();
    const client = await connect();
    const key = client.take().find((message) => message.kind === 'backendKeyData');
    if (key?.kind !== 'backendKeyData') throw new Error('no key');
    client.query('select pg_sleep(100)');
    await world.settle();
    const wrong = await world.until(world.network.connect(endpoint, { timeoutMs: 100 }));
    sendCancel(wrong, key.processId, Uint8Array.of(1, 2, 3, 4));
    await world.advance(10);
    expect(client.take()).toEqual([]);
    const right = await world.until(world.network.connect(endpoint, { timeoutMs: 100 }));
    sendCancel(right, key.processId, key.secretKey);
    await world.advance(10);
    expect(story(client.take())).toEqual([
      'columns pg_sleep:2278',
      'ERROR 57014 canceling statement due to user request',
      'ready I',
    ]);
  });

  it('rolls back and frees the locks of a client that left, a backend that was killed, and one that was terminated', async () => {
    const { world, connect, ask, postgres } = await bench();
    const first = await connect();
    await ask(first, 'create table t (a int primary key)');
    for (const how of ['leave', 'kill', 'terminate'] as const) {
      const holder = await connect();
      await ask(holder, 'select pg_advisory_lock(1); begin; insert into t values (1)');
      first.query('insert into t values (1)');
      await world.settle();
      expect(story(first.take())).toEqual([]);
      if (how === 'leave') holder.leave();
      else postgres[how](holder.pid);
      await world.advance(10);
      expect(story(first.take())).toEqual(['done INSERT 0 1', 'ready I']);
      expect(story(holder.take()).at(-1)).toBe(
        how === 'terminate' ? 'FATAL 57P01 terminating connection due to administrator command' : undefined,
      );
      expect(postgres.inspect.backends().map(({ pid }) => pid)).toEqual([first.pid]);
      expect(postgres.inspect.locks()).toEqual([]);
      await ask(first, 'delete from t');
    }
  });

  it('goes on waiting for a lock when its client has left, and then notices', async () => {
    const { world, connect, ask, postgres } = await bench();
    const holder = await connect();
    await ask(holder, 'create table t (a int)');
    await ask(holder, 'begin; lock table t');
    const waiter = await connect();
    waiter.query('insert into t values (1)');
    await world.settle();
    waiter.leave();
    await world.advance(1000);
    expect(postgres.inspect.backends().length).toBe(2);
    await ask(holder, 'commit');
    await world.advance(10);
    expect(postgres.inspect.backends().length).toBe(1);
    // Nobody heard of it, but it was committed.
    expect(postgres.inspect.rows('postgres', 't')).toEqual([{ a: '1' }]);
  });

  it('shows what a session holds', async () => {
    const { connect, ask, postgres } = await bench();
    const client = await connect({ user: 'postgres', application_name: 'test' });
    await ask(
      client,
      "set work_mem = '8MB'; create temp table tt (a int); listen news; prepare p as select 1; select pg_advisory_lock(7)",
    );
    await ask(client, 'begin; declare c cursor with hold for select 1; commit; begin; savepoint s');
    expect(postgres.inspect.backends()).toMatchInlineSnapshot(`
      [
        {
          "advisoryLocks": [
            "7 advisory lock [5,0,7,1]",
          ],
          "applicationName": "test",
          "channels": [
            "news",
          ],
          "database": "postgres",
          "heldCursors": [
            "c",
          ],
          "pid": 1003,
          "portals": [
            "c",
          ],
          "query": "begin; declare c cursor with hold for select 1; commit; begin; savepoint s",
          "role": "postgres",
          "savepoints": [
            "s",
          ],
          "settings": {
            "work_mem": "8192",
          },
          "state": "idle",
          "statements": [
            "p",
          ],
          "temporaryTables": [
            "tt",
          ],
          "transaction": "T",
          "user": "postgres",
          "waitEvent": "ClientRead",
        },
      ]
    `);
  });

  it('raises the alarm on what it does not model', async () => {
    const heard: string[] = [];
    const { connect, ask } = await bench({ onUnsupported: (text) => heard.push(text) });
    const client = await connect();
    expect((await ask(client, 'create index on t (a)'))[0]).toContain('0A000');
    expect((await ask(client, 'select percentile_cont(1)'))[0]).toContain('0A000');
    expect(heard).toEqual([
      'the statement IndexStmt: create index on t (a)',
      'the function percentile_cont: select percentile_cont(1)',
    ]);
    expect((await ask(client, 'select no_such_function()'))[0]).toContain('42883');
    expect(heard.length).toBe(2);
  });

  it('stops in good order: 57P01 to everybody, and all commits are there afterwards', async () => {
    const { world, connect, ask, postgres } = await bench();
    const client = await connect();
    await ask(client, 'create table t (a int); set synchronous_commit = off; insert into t values (1)');
    postgres.stop();
    await world.advance(10);
    expect(story(client.take())).toEqual(['FATAL 57P01 terminating connection due to administrator command']);
    expect(postgres.phase).toBe('down');
    await world.until(postgres.start());
    expect(postgres.inspect.rows('postgres', 't')).toEqual([{ a: '1' }]);
  });
});
