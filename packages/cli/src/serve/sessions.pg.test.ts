import { mkdtempSync, rmSync } from 'node:fs';
import { type Endpoint } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type AuthPolicy, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { SqlClient, type SqlLogin } from '../testing/sql-client.ts';

describe('sessions through gateway and pooler', () => {
  let postgres: OwnPostgres;
  let pooler: Pooler;
  let folder: string;
  const gateways: Record<'trust' | 'scram', Gateway> = {} as Record<'trust' | 'scram', Gateway>;
  const open: SqlClient[] = [];

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    folder = mkdtempSync('/tmp/multigres-test-');
    const world = hostWorld();
    const relay: Endpoint = { kind: 'unix', path: `${folder}/relay` };
    pooler = await startPooler(world, {
      id: 'pooler',
      relay,
      postgres: postgres.endpoint,
      limits: { ...defaultPoolerLimits, poolBackendsMax: 2, sharedBackendsMax: 1 },
      admin: { user: 'postgres', database: 'postgres' },
    });
    for (const kind of ['trust', 'scram'] as const) {
      const auth: AuthPolicy = { kind };
      const listen: Endpoint[] = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }];
      gateways[kind] = await startGateway(world, { id: kind, listen, auth, limits: defaultGatewayLimits }, relay);
    }
    const client = await connect();
    await client.query("create role joe login password 'secret'; create table t (a int)");
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})));
  });

  afterAll(async () => {
    await gateways.trust?.stop();
    await gateways.scram?.stop();
    await pooler?.stop();
    await postgres?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function connect(options: Partial<SqlLogin> & { readonly via?: 'trust' | 'scram' } = {}): Promise<SqlClient> {
    const { via = 'trust', ...rest } = options;
    const { port } = gateways[via].endpoints[0] as { readonly port: number };
    const client = await SqlClient.connect({ port, ...rest });
    open.push(client);
    return client;
  }

  /** Waits until the server says so. */
  async function until(text: string): Promise<void> {
    const client = await connect();
    while ((await client.value(text)) !== 't');
  }

  it('log in with SCRAM, and Postgres knows them by their own name', async () => {
    const client = await connect({ via: 'scram', user: 'joe', password: 'secret' });
    expect(await client.value('select session_user::text')).toBe('joe');
  });

  it.each([
    ['a wrong password', { via: 'scram', user: 'joe', password: 'wrong' }, '28P01'],
    ['a user that does not exist', { via: 'scram', user: 'nobody', password: 'x' }, '28P01'],
    ['a database that does not exist', { database: 'nowhere' }, '3D000'],
    ['no password, where Postgres asks for one', { user: 'joe' }, '28P01'],
  ] as const)('are refused with %s', async (_what, options, code) => {
    await expect(connect(options)).rejects.toMatchObject({ report: { severity: 'FATAL', sqlstate: code } });
  });

  it('are cancelled, and go on', async () => {
    const client = await connect();
    const other = await connect();
    const running = client.query('select pg_sleep(60)').catch((error: unknown) => error);
    await until(
      "select exists (select from pg_stat_activity where query like 'select pg_sleep%' and state = 'active')",
    );
    await client.cancel();
    expect(await running).toMatchObject({ report: { sqlstate: '57014' } });
    expect(await client.value('select 1')).toBe('1');
    expect(await other.value('select 2')).toBe('2');
  });

  it('leave nothing behind for the next: settings, temporary tables, advisory locks, prepared names', async () => {
    const first = await connect();
    await first.query("set work_mem to '3MB'");
    await first.query('create temporary table mine (a int)');
    await first.query('select pg_advisory_lock(7)');
    await first.query('prepare mine as select 1');
    expect(await first.value('show work_mem')).toBe('3MB');
    const meanwhile = await connect();
    expect(await meanwhile.value('show work_mem')).not.toBe('3MB');
    expect(await meanwhile.value('select pg_try_advisory_lock(7)')).toBe('f');
    await first.end();
    await until("select not exists (select from pg_locks where locktype = 'advisory')");
    for (let i = 0; i < 4; i++) {
      const next = await connect();
      await next.query('begin');
      expect(await next.value('show work_mem')).not.toBe('3MB');
      expect(await next.value("select to_regclass('mine') is null")).toBe('t');
      expect(await next.value('select count(*)::int from pg_prepared_statements where from_sql')).toBe('0');
      await next.query('rollback');
    }
  });

  it('keep their settings wherever they run, each its own', async () => {
    const clients = await Promise.all(
      ['UTC', 'Asia/Tokyo', 'America/Lima'].map((name) =>
        connect({ parameters: [['options', `-c timezone=${name}`]] }),
      ),
    );
    await Promise.all(clients.map((client, i) => client.query(`set application_name to 'client ${i}'`)));
    for (let round = 0; round < 5; round++) {
      const seen = await Promise.all(
        clients.map((client) =>
          client.value("select current_setting('timezone') || ' ' || current_setting('application_name')"),
        ),
      );
      expect(seen).toEqual(['UTC client 0', 'Asia/Tokyo client 1', 'America/Lima client 2']);
    }
  });

  it('hear notifications', async () => {
    const listener = await connect();
    await listener.query('listen news');
    await (await connect()).query("notify news, 'hello'");
    while (listener.notifications.length === 0) await listener.query('select 1');
    expect(listener.notifications).toMatchObject([{ channel: 'news', payload: 'hello' }]);
  });

  it('learn the truth when their backend is terminated', async () => {
    const [idle, inTransaction, running] = [await connect(), await connect(), await connect()];
    await inTransaction.query('begin');
    const pid = await inTransaction.value('select pg_backend_pid()');
    await (await connect()).query(`select pg_terminate_backend(${pid})`);
    expect(await inTransaction.ended).toMatchObject({ report: { sqlstate: '57P01' } });
    const outcome = running.query('insert into t select 1 from pg_sleep(60)').catch((error: unknown) => error);
    await until(
      "select exists (select from pg_stat_activity where query like 'insert into t select%' and state = 'active')",
    );
    await (
      await connect()
    ).query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'insert into t select%' and pid <> pg_backend_pid()",
    );
    expect(await outcome).toMatchObject({ report: { sqlstate: '08007' } });
    for (const client of [idle, running]) expect(await client.value('select 1')).toBe('1');
  });

  it('finish what they sent before they left', async () => {
    const client = await connect();
    void client.query('insert into t select 42 from pg_sleep(0.3)').catch(() => {});
    await client.end();
    await until('select exists (select from t where a = 42)');
  });

  it('wait for a Postgres that is stopped and started again', async () => {
    const client = await connect();
    expect(await client.value('select 1')).toBe('1');
    await postgres.stop();
    const waiting = client.value('select 2');
    await postgres.start();
    expect(await waiting).toBe('2');
  });
});
