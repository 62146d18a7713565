import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { query, type Step } from '../testing/script.ts';
import { SideBySide } from '../testing/side-by-side.ts';
import { SqlClient } from '../testing/sql-client.ts';
import { WireClient } from '../testing/wire-client.ts';

const run = promisify(execFile);
const settings = ['wal_level=logical', 'max_wal_senders=10', 'max_replication_slots=10'];
const waits = { timeout: 20_000 };

describe.each(['trust', 'scram'] as const)('replication connections with %s', (kind) => {
  let both: SideBySide;
  let sql: SqlClient;
  const who = kind === 'trust' ? 'postgres' : 'repl';
  const env = { ...process.env, PGPASSWORD: 'secret', PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' };

  beforeAll(async () => {
    both = await SideBySide.make({ settings, auth: { kind } });
    sql = await SqlClient.connect({ port: both.postgres.endpoint.port });
    await sql.query("create role repl superuser replication login password 'secret'; create table t (a int)");
  });
  afterAll(async () => {
    await sql?.end();
    await both?.end();
  });

  function folder(): string {
    const made = mkdtempSync(path.join(tmpdir(), 'multigres-test-'));
    onTestFinished(() => rmSync(made, { recursive: true, force: true }));
    return made;
  }

  function program(name: string): string {
    return path.join(both.postgres.bin, name);
  }

  function started(
    name: string,
    args: readonly string[],
  ): { readonly child: ChildProcess; readonly said: () => string } {
    let said = '';
    const child = spawn(program(name), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()));
    onTestFinished(() => void child.kill('SIGKILL'));
    return { child, said: () => said };
  }

  const ended = (child: ChildProcess): Promise<number | null> =>
    new Promise((resolve) => child.once('exit', (code) => resolve(code)));

  it('pg_basebackup with the WAL streamed beside it', async () => {
    for (const port of both.ports) {
      const to = folder();
      const where = `host=127.0.0.1 port=${port} user=${who}`;
      await run(program('pg_basebackup'), ['-d', where, '-D', to, '-X', 'stream', '-c', 'fast'], { env });
      expect(readFileSync(path.join(to, 'PG_VERSION'), 'utf8')).toMatch(/^17/);
      await run(program('pg_verifybackup'), [to], { env });
    }
  });

  it('pg_receivewal, with a slot', async () => {
    const to = folder();
    const where = `host=127.0.0.1 port=${both.ports[1]} user=${who}`;
    await run(program('pg_receivewal'), ['-d', where, '-S', 'walslot', '--create-slot'], { env });
    const { child } = started('pg_receivewal', ['-d', where, '-D', to, '-S', 'walslot', '-s', '1']);
    const active = (): Promise<unknown> =>
      sql.value("select active from pg_replication_slots where slot_name = 'walslot'");
    await expect.poll(active, waits).toBe('t');
    await sql.query('insert into t select generate_series(1, 1000)');
    await sql.query('select pg_switch_wal()');
    await expect.poll(() => readdirSync(to).some((name) => /^[0-9A-F]{24}$/.test(name)), waits).toBe(true);
    child.kill('SIGINT');
    expect(await ended(child)).toBe(0);
    await expect.poll(active, waits).toBe('f');
    await run(program('pg_receivewal'), ['-d', where, '-S', 'walslot', '--drop-slot'], { env });
  });

  it('pg_recvlogical', async () => {
    const where = `host=127.0.0.1 port=${both.ports[0]} user=${who} dbname=postgres`;
    const slot = ['-d', where, '-S', 'logical'];
    await run(program('pg_recvlogical'), [...slot, '--create-slot', '-P', 'test_decoding'], { env });
    const { child, said } = started('pg_recvlogical', [...slot, '--start', '-f', '-', '-s', '1']);
    await sql.query('insert into t values (42)');
    await expect.poll(said, waits).toContain('table public.t: INSERT: a[integer]:42');
    // Far more than the windows hold.
    await sql.query('insert into t select generate_series(1, 100000); insert into t values (-1)');
    await expect.poll(said, waits).toContain('a[integer]:-1');
    expect(
      said()
        .split('\n')
        .filter((line) => line.includes('INSERT')).length,
    ).toBe(100_002);
    child.kill('SIGINT');
    expect(await ended(child)).toBe(0);
    await run(program('pg_recvlogical'), [...slot, '--drop-slot'], { env });
  });

  it('a subscription of another server', async () => {
    const other = await OwnPostgres.make(settings);
    try {
      await sql.query('create table s (a int primary key, b text); create publication p for table s');
      await sql.query("insert into s select i, repeat('x', 1000) from generate_series(1, 2000) i");
      const there = await SqlClient.connect({ port: other.endpoint.port });
      await there.query('create table s (a int primary key, b text)');
      const where = `host=127.0.0.1 port=${both.ports[1]} user=${who} password=secret dbname=postgres`;
      await there.query(`create subscription sub connection '${where}' publication p`);
      await expect.poll(() => there.value('select count(*) from s'), waits).toBe('2000');
      await sql.query("insert into s values (5000, 'late'); delete from s where a <= 1000");
      await expect.poll(() => there.value('select count(*) from s'), waits).toBe('1001');
      await there.query('drop subscription sub');
      await there.end();
      expect(await sql.value('select count(*) from pg_replication_slots')).toBe('0');
      await sql.query('drop publication p; drop table s');
    } finally {
      await other.remove();
    }
  });

  it('leaves nothing behind', async () => {
    await expect.poll(() => both.pooler.status().sessions, waits).toBe(0);
    await expect.poll(() => sql.value('select count(*) from pg_stat_replication'), waits).toBe('0');
  });
});

describe('a replication connection', () => {
  let both: SideBySide;
  beforeAll(async () => {
    both = await SideBySide.make({ settings, limits: { backendsMax: 3, waitMs: 1000 } });
  });
  afterAll(() => both?.end());

  const login = (port: number, replication: string): Promise<WireClient> =>
    WireClient.connect(port, { user: 'postgres', database: 'postgres', replication });

  it.each(['database', 'true', 'on', 'yes', '1'])('%s hears what it hears from Postgres', async (replication) => {
    const script: readonly Step[] = [
      [1, query('show server_version_num')],
      [1, query('nonsense')],
      [1, query('drop_replication_slot nowhere')],
      [1, query('create_replication_slot short temporary physical')],
      [1, query(replication === 'database' ? 'select 1' : 'show work_mem')],
    ];
    const said = async (port: number): Promise<string[]> => {
      const client = await login(port, replication);
      const heard: string[] = [];
      for (const [count, ...messages] of script) {
        client.write(...messages);
        await client.ready(count as number);
        heard.push(client.heard().replace(/0\/[0-9A-F]+/g, 'LSN'));
      }
      client.end();
      return heard;
    };
    const expected = await said(both.postgres.endpoint.port);
    for (const port of both.ports) await expect.poll(() => said(port)).toEqual(expected);
  });

  it('is cancelled like any other', async () => {
    for (const port of both.ports) {
      const client = await login(port, 'database');
      client.write(query('select pg_sleep(60)'));
      await client.cancel();
      await client.ready(1);
      expect(client.heard()).toMatch(/ERROR:57014/);
      client.end();
    }
  });

  it('ends with its backend, and says what Postgres said', async () => {
    for (const port of both.ports) {
      const client = await login(port, 'database');
      client.write(query('select pg_terminate_backend(pg_backend_pid())'));
      await client.hears('closed');
      expect(client.heard()).toContain('FATAL:57P01 closed');
    }
  });

  it('counts: when all places are taken it waits, and is refused', async () => {
    await expect.poll(() => both.pooler.status().sessions).toBe(0);
    const held = await Promise.all([1, 2, 3].map(() => login(both.ports[0] as number, 'database')));
    const parameters = [['replication', 'database']] as const;
    const late = SqlClient.connect({ port: both.ports[0] as number, parameters });
    await expect(late).rejects.toMatchObject({ sqlstate: '53300' });
    const patient = login(both.ports[0] as number, 'database');
    held[0]?.end();
    const served = await patient;
    served.write(query('select 1'));
    await served.ready(1);
    expect(served.heard()).toContain('(1)');
    for (const client of [...held, served]) client.end();
  });
});
