import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { formatEndpoint } from '@multigres/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { freePort, ServingProcess } from '../testing/serving-process.ts';
import { SqlClient } from '../testing/sql-client.ts';

describe('a proxy in processes of its own', () => {
  let postgres: OwnPostgres;
  let folder: string;
  let port: number;
  let proxy: ServingProcess;
  const open: SqlClient[] = [];

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    const client = await SqlClient.connect({ port: postgres.endpoint.port });
    await client.query('create table ledger (k text primary key)');
    await client.end();
  });

  beforeEach(async () => {
    folder = mkdtempSync('/tmp/multigres-test-');
    port = await freePort();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})));
    await proxy?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  afterAll(async () => await postgres?.remove());

  async function start(config: string, ...more: readonly string[]): Promise<void> {
    writeConfig(config);
    const where = ['--to', formatEndpoint(postgres.endpoint), '--listen', String(port)];
    proxy = new ServingProcess(['proxy', '--config', `${folder}/mg.toml`, ...where, ...more]);
    await proxy.logged('proxy is ready');
  }

  function writeConfig(text: string): void {
    writeFileSync(`${folder}/mg.toml`, text);
  }

  async function connect(): Promise<SqlClient> {
    const client = await SqlClient.connect({ port });
    open.push(client);
    return client;
  }

  describe.each(['', '--single-process'])('%s', (how) => {
    const more = how === '' ? [] : [how];

    it('takes up a changed configuration, and keeps the old one when the new one is wrong', async () => {
      await start('[limits]\nsessions_max = 50\n[pool]\nsize = 3', ...more);
      await connect();
      await connect();
      writeConfig('[limits]\nsessions_max = 2\n[pool]\nsize = 4\n[postgres]\nadmin_database = "x"');
      proxy.signal('SIGHUP');
      expect(await proxy.logged('configuration reloaded')).toContain('limits.sessions_max, pool.size');
      expect(await proxy.logged('wait for a restart')).toContain('postgres.admin_database');
      await expect(connect()).rejects.toMatchObject({ report: { sqlstate: '53300' } });
      writeConfig('[limits]\nsessions_max = "none"');
      proxy.signal('SIGHUP');
      expect(await proxy.logged('not reloaded')).toContain('limits.sessions_max: must be a whole number');
      await expect(connect()).rejects.toMatchObject({ report: { sqlstate: '53300' } });
      expect(await open[0]?.value('select 1')).toBe('1');
      writeConfig('');
      proxy.signal('SIGHUP');
      await proxy.logged('configuration reloaded');
      await connect();
    });

    it('lets transactions end when it is terminated, and loses no acknowledged commit', async () => {
      await start('', ...more, '--drain-timeout', '20s');
      const run = how === '' ? 'two' : 'one';
      const acknowledged: string[] = [];
      const errors: unknown[] = [];
      const writers = Array.from({ length: 8 }, (_, i) => keepWriting(`${run}-${i}`, acknowledged, errors));
      const [idle, long] = [await connect(), await connect()];
      await long.query('begin');
      await long.query(`insert into ledger values ('${run}-long')`);
      await until(() => acknowledged.length > 200);
      proxy.signal('SIGTERM');
      expect(await idle.ended).toMatchObject({
        report: { sqlstate: '57P01', message: 'terminating connection due to administrator command' },
      });
      await Promise.all(writers);
      await expect(SqlClient.connect({ port })).rejects.toThrow('closed during login');
      expect(await long.value("select 'still here' from pg_sleep(0.5)")).toBe('still here');
      await long.query('commit');
      acknowledged.push(`${run}-long`);
      expect(await long.ended).toMatchObject({ report: { sqlstate: '57P01' } });
      expect(await proxy.ended).toEqual({ code: 0, signal: null });
      expect(errors).toEqual([]);
      const direct = await SqlClient.connect({ port: postgres.endpoint.port });
      const rows = await direct.query(`select k from ledger where k like '${run}-%'`);
      // All that was acknowledged is there, and nothing else: nobody was cut off in the middle.
      expect(new Set(rows.map(([k]) => k))).toEqual(new Set(acknowledged));
      await direct.end();
    });

    /** Two inserts in one transaction, again and again until told to go, which must be between two of them. */
    async function keepWriting(name: string, acknowledged: string[], errors: unknown[]): Promise<void> {
      const client = await connect();
      let over = false;
      void client.ended.then(() => (over = true));
      for (let i = 0; !over; i++) {
        const keys = [`${name}-${i}-a`, `${name}-${i}-b`];
        try {
          await client.query('begin');
        } catch (error) {
          if ((error as { readonly sqlstate?: string }).sqlstate !== '57P01') errors.push(error);
          return;
        }
        try {
          for (const key of keys) await client.query(`insert into ledger values ('${key}')`);
          await client.query('commit');
          acknowledged.push(...keys);
        } catch (error) {
          errors.push(error);
        }
      }
    }
  });

  it('ends what has not ended at the deadline, with word', async () => {
    await start('', '--drain-timeout', '300ms');
    const [sleeper, idler] = [await connect(), await connect()];
    await idler.query('begin');
    const slept = sleeper.query('select pg_sleep(60)').catch((error: unknown) => error);
    const watcher = await connect();
    await until(async () => (await watcher.value(isActive('pg_sleep'))) === 't');
    proxy.signal('SIGTERM');
    expect(await slept).toMatchObject({ report: { severity: 'FATAL', sqlstate: '57P01' } });
    expect((await idler.ended)?.sqlstate).toBe('57P01');
    expect(await proxy.ended).toEqual({ code: 0, signal: null });
  });

  it('starts a pooler again that was killed; sessions without state go on', async () => {
    await start('');
    const [plain, stateful] = [await connect(), await connect()];
    expect(await plain.value('select 1')).toBe('1');
    await stateful.query('create temporary table mine (a int)');
    for (const pid of proxy.children('pooler')) process.kill(pid, 'SIGKILL');
    expect((await stateful.ended)?.sqlstate).toBe('08006');
    expect(await plain.value('select 2')).toBe('2');
    await proxy.logged('started again');
  });

  it('spreads over workers: one dies without the others, a cancel finds its session, a drain reaches all', async () => {
    await start('[limits]\nsessions_max = 50', '--workers', '3');
    const workers = proxy.children('gateway-');
    expect(workers).toHaveLength(3);
    const clients = await Promise.all(Array.from({ length: 12 }, () => connect()));
    const running = clients.map((client) => client.query('select pg_sleep(60)').catch((error: unknown) => error));
    const watcher = await SqlClient.connect({ port: postgres.endpoint.port });
    open.push(watcher);
    // A cancel that overtakes its statement is lost, as at Postgres itself.
    await until(async () => Number(await watcher.value(countActive('pg_sleep'))) === clients.length);
    // The key of each goes to whichever worker takes the connection.
    await Promise.all(clients.map((client) => client.cancel()));
    for (const outcome of await Promise.all(running)) expect(outcome).toMatchObject({ report: { sqlstate: '57014' } });
    process.kill(workers[0] as number, 'SIGKILL');
    await proxy.logged('started again');
    const answers = (client: SqlClient): Promise<boolean> => client.value('select 1').then(() => true);
    const isGone = (client: SqlClient): Promise<boolean> => client.ended.then(() => false);
    const alive = await Promise.all(clients.map((client) => Promise.race([answers(client), isGone(client)])));
    expect(alive.filter(Boolean).length).toBeGreaterThan(0);
    expect(alive.filter((isAlive) => !isAlive).length).toBeGreaterThan(0);
    writeConfig('[limits]\nsessions_max = 60');
    proxy.signal('SIGHUP');
    await proxy.logged('configuration reloaded');
    proxy.signal('SIGTERM');
    expect(await proxy.ended).toEqual({ code: 0, signal: null });
    for (const [i, client] of clients.entries()) if (alive[i]) expect((await client.ended)?.sqlstate).toBe('57P01');
  });

  it('ends with an error if its workers cannot listen', async () => {
    await start('');
    const args = ['proxy', '--to', formatEndpoint(postgres.endpoint), '--listen', String(port), '--workers', '2'];
    const second = new ServingProcess(args);
    expect((await second.ended).code).toBe(1);
    expect(second.log).toContain('address already in use');
  });

  const isActive = (text: string): string =>
    `select exists (select from pg_stat_activity where query like 'select ${text}%' and state = 'active' and pid <> pg_backend_pid())`;
  const countActive = (text: string): string =>
    `select count(*) from pg_stat_activity where query like 'select ${text}%' and state = 'active'`;
});

/** Asks again in every turn. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
