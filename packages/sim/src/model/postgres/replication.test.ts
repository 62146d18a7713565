import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { beforeAll, describe, expect, it } from 'vitest';

import { startPostgres, type PostgresModel } from './postgres.ts';
import { basebackup } from './programs.ts';
import type { PostgresOptions } from './server/options.ts';
import { loadGrammar } from './sql/parser.ts';
import { DataDirectory } from './storage/data-directory.ts';
import { RawClient } from './testing/raw-client.ts';
import { story } from './testing/story.ts';

beforeAll(loadGrammar);

const settings = { wal_retrieve_retry_interval: '100ms', wal_receiver_status_interval: '1s' };

/** A few servers in one world, by name, and a session on each. */
class Cluster {
  readonly world: QuietWorld = quietWorld();
  readonly directories: Map<string, DataDirectory> = new Map();
  readonly servers: Map<string, PostgresModel> = new Map();
  readonly #sessions: Map<string, RawClient> = new Map();

  async initdb(name: string, options: Partial<PostgresOptions> = {}): Promise<void> {
    this.directories.set(name, new DataDirectory({ segmentBytes: 65_536 }));
    await this.start(name, options);
  }

  async start(name: string, options: Partial<PostgresOptions> = {}): Promise<void> {
    const postgres = startPostgres(this.world.node(name), {
      endpoint: { kind: 'tcp', host: name, port: 5432 },
      onUnsupported: (text) => {
        throw new Error(text);
      },
      directory: this.directories.get(name) as DataDirectory,
      settings,
      ...options,
    });
    this.servers.set(name, postgres);
    this.#sessions.delete(name);
    await this.world.until(postgres.ready);
  }

  /** A new data directory, cloned from another server, and a server on it that follows. */
  async follow(name: string, source: string, options: Partial<PostgresOptions> = {}): Promise<void> {
    const world = this.world.node(name);
    const target = new DataDirectory();
    await this.world.until(
      basebackup(world, target, {
        endpoint: { kind: 'tcp', host: source, port: 5432 },
        user: 'postgres',
        password: undefined,
      }),
    );
    target.standbySignal = true;
    target.autoConf.set('primary_conninfo', `host=${source} port=5432 user=postgres application_name=${name}`);
    this.directories.set(name, target);
    await this.start(name, options);
    await this.world.advance(50);
  }

  async connect(name: string): Promise<RawClient> {
    const client = await this.world.until(RawClient.connect(this.world, { kind: 'tcp', host: name, port: 5432 }));
    await this.world.settle();
    client.take();
    return client;
  }

  /** What the node's own session hears, without the columns' names. */
  async ask(name: string, text: string, ms = 20): Promise<string[]> {
    let session = this.#sessions.get(name);
    if (session === undefined || session.closed) {
      session = await this.connect(name);
      this.#sessions.set(name, session);
    }
    session.query(text);
    await this.world.advance(ms);
    return story(session.take()).filter((line) => !/^(columns|ready|setting)/.test(line));
  }
}

async function pair(): Promise<Cluster> {
  const cluster = new Cluster();
  await cluster.initdb('a');
  await cluster.ask('a', 'create table t (a int primary key, b text)');
  await cluster.follow('b', 'a');
  return cluster;
}

describe('a standby', () => {
  it('shows what its primary has committed, and refuses to write', async () => {
    const cluster = await pair();
    await cluster.ask('a', "insert into t values (1, 'x')");
    expect(await cluster.ask('b', 'select * from t')).toEqual(['row 1|x', 'done SELECT 1']);
    expect(await cluster.ask('b', 'select pg_is_in_recovery()')).toEqual(['row t', 'done SELECT 1']);
    expect(await cluster.ask('b', "insert into t values (2, 'y')")).toEqual([
      'ERROR 25006 cannot execute INSERT in a read-only transaction',
    ]);
    expect(await cluster.ask('a', 'select application_name, state, sync_state from pg_stat_replication')).toEqual([
      'row b|streaming|async',
      'done SELECT 1',
    ]);
  });

  it('is waited for when it is named, and the commit is not seen before', async () => {
    const cluster = await pair();
    await cluster.ask('a', "alter system set synchronous_standby_names = 'ANY 1 (b)'");
    await cluster.ask('a', 'select pg_reload_conf()');
    expect(await cluster.ask('a', "insert into t values (1, 'x')")).toEqual(['done INSERT 0 1']);
    cluster.servers.get('b')?.crash();
    const waiting = await cluster.connect('a');
    waiting.query("insert into t values (2, 'y')");
    await cluster.world.advance(500);
    expect(waiting.take()).toEqual([]);
    expect(await cluster.ask('a', 'select a from t')).toEqual(['row 1', 'done SELECT 1']);
    expect(await cluster.ask('a', "select count(*) from pg_stat_activity where wait_event = 'SyncRep'")).toEqual([
      'row 1',
      'done SELECT 1',
    ]);
    await cluster.start('b');
    await cluster.world.advance(500);
    expect(story(waiting.take())).toEqual(['done INSERT 0 1', 'ready I']);
  });

  it('becomes a primary on a timeline of its own when it is promoted', async () => {
    const cluster = await pair();
    await cluster.ask('a', "insert into t values (1, 'x')");
    cluster.servers.get('a')?.crash();
    expect(await cluster.ask('b', 'select pg_promote()', 500)).toEqual(['row t', 'done SELECT 1']);
    expect(await cluster.ask('b', "insert into t values (2, 'y')")).toEqual(['done INSERT 0 1']);
    expect(await cluster.ask('b', 'select timeline_id from pg_control_checkpoint()')).toEqual([
      'row 2',
      'done SELECT 1',
    ]);
    expect(await cluster.ask('b', 'select a from t')).toEqual(['row 1', 'row 2', 'done SELECT 2']);
  });

  it('cannot be forgotten by a cancelled COMMIT: it stands, and the client is warned', async () => {
    const cluster = await pair();
    await cluster.ask('a', "alter system set synchronous_standby_names = 'ANY 1 (mg_nobody)'");
    await cluster.ask('a', 'select pg_reload_conf()');
    const waiting = await cluster.connect('a');
    for (const text of ['begin', "insert into t values (1, 'x')"]) {
      waiting.query(text);
      await cluster.world.advance(20);
    }
    waiting.take();
    waiting.query('commit');
    await cluster.world.advance(100);
    const server = cluster.servers.get('a');
    server?.cancel(server.inspect.backends().find(({ waitEvent }) => waitEvent === 'SyncRep')?.pid ?? 0);
    await cluster.world.advance(50);
    const said = story(waiting.take());
    expect(said[0]).toMatch(/WARNING 01000 canceling wait for synchronous replication/);
    expect(said.slice(1)).toEqual(['done COMMIT', 'ready I']);
    expect(await cluster.ask('a', 'select a from t')).toEqual(['row 1', 'done SELECT 1']);
  });
});
