import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint, PgError, World } from '@multigres/core';
import { findTool, GrpcTransport, hostWorld } from '@multigres/host';
import { ServerState } from '@multigres/rpc';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { defaultLimits, type PgctldConfig } from './config.ts';
import { mortalWorld, type MortalStep } from './fake/mortal-world.ts';
import { defaultInit } from './initialize.ts';
import { startPgctld, type Pgctld } from './pgctld.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const world = hostWorld({ log: { level: 'error' } });
const isRoot = process.geteuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
const binaries: Record<number, string | undefined> = {
  15: (await findTool('postgres-15'))?.bin,
  17: (await findTool('postgres-17'))?.bin,
};
const majors = [15, 17].filter((major) => binaries[major] !== undefined);
const folders: string[] = [];
const open: Pgctld[] = [];
let starts = 0;

function freshFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mg-pgctld-'));
  spawnSync('chmod', ['755', folder]);
  folders.push(folder);
  return folder;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function configOf(folder: string, major: number): Promise<PgctldConfig> {
  return {
    id: 'pg-1',
    pid: process.pid,
    binDirectory: binaries[major] as string,
    directory: path.join(folder, 'pg'),
    socketDirectory: path.join(folder, 'sockets'),
    port: await freePort(),
    listenAddresses: ['127.0.0.1'],
    maxConnections: 20,
    superuserPassword: 'a password',
    keepRunning: false,
    member: false,
    limits: defaultLimits,
    ...(isRoot ? { runAs: nobody } : {}),
  };
}

async function start(config: PgctldConfig, mine: World = world): Promise<Pgctld> {
  const listen: Endpoint = { kind: 'unix', path: path.join(config.directory, '..', `pgctld-${(starts += 1)}.sock`) };
  const pgctld = await startPgctld({ world: mine, rpc: new GrpcTransport(world) }, config, listen);
  open.push(pgctld);
  return pgctld;
}

interface Login {
  readonly tcp?: boolean;
  readonly password?: string;
}

/** What psql prints: columns separated by |. */
async function query(config: PgctldConfig, sql: string, login: Login = {}): Promise<string> {
  const host = login.tcp ? '127.0.0.1' : config.socketDirectory;
  const target = `host=${host} port=${config.port} user=postgres dbname=postgres`;
  const env = { PATH: process.env['PATH'], PGPASSWORD: login.password ?? 'a password' };
  const psql = path.join(config.binDirectory, 'psql');
  const { stdout } = await promisify(execFile)(psql, ['-XAtw', '-d', target, '-c', sql], { env });
  return stdout.trim();
}

const refused = (promise: Promise<unknown>): Promise<PgError> =>
  promise.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: PgError) => error,
  );

const pidOf = (config: PgctldConfig): number =>
  Number(readFileSync(path.join(config.directory, 'data/postmaster.pid'), 'utf8').split('\n')[0]);

/** Waits for the end of a process that is not ours to wait for. */
async function gone(pid: number): Promise<void> {
  while (world.processes.isAlive(pid)) await world.clock.sleep(10);
}

afterEach(async () => {
  for (const pgctld of open.splice(0)) {
    await pgctld.hands.stop('immediate').catch(() => undefined);
    await pgctld.close();
  }
  for (const folder of folders.splice(0)) {
    const file = path.join(folder, 'pg/data/postmaster.pid');
    if (existsSync(file)) world.processes.signal(Number(readFileSync(file, 'utf8').split('\n')[0]), 'SIGQUIT');
    spawnSync('umount', [path.join(folder, 'small')], { stdio: 'ignore' });
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
});

describe.each(majors)('PostgreSQL %i', (major) => {
  test('is made, started, asked, restarted, reloaded and stopped', async () => {
    const config = await configOf(freshFolder(), major);
    const { hands } = await start(config);
    expect((await hands.status()).state).toBe(ServerState.NOT_INITIALIZED);
    expect([await hands.initDb(defaultInit), await hands.initDb(defaultInit)]).toEqual([true, false]);
    await hands.start();
    const status = await hands.status();
    expect(status).toMatchObject({ state: ServerState.RUNNING, port: config.port, pid: pidOf(config) });
    expect(String(status.versionNumber)).toMatch(new RegExp(`^${major}`));
    expect(status.systemIdentifier).toBeGreaterThan(0n);
    const settings = `select current_setting('data_checksums'), current_setting('wal_level'), current_setting('server_encoding')`;
    expect(await query(config, settings)).toBe('on|replica|UTF8');
    expect(await query(config, 'select 1', { tcp: true })).toBe('1');
    await hands.restart('fast');
    writeFileSync(path.join(config.directory, 'etc/conf.d/10.conf'), 'work_mem = 7MB\n');
    await hands.reload();
    await expect.poll(() => query(config, 'show work_mem')).toBe('7MB');
    const pid = pidOf(config);
    await hands.stop('fast');
    expect([(await hands.status()).state, world.processes.isAlive(pid)]).toEqual([ServerState.STOPPED, false]);
  });

  test('asks for the password over TCP', async () => {
    const config = await configOf(freshFolder(), major);
    const { hands } = await start(config);
    await hands.initDb(defaultInit);
    await hands.start();
    const wrong = query(config, 'select 1', { tcp: true, password: 'another' });
    await expect(wrong).rejects.toThrow(/password authentication failed/);
  });

  test('comes back with its data after a crash', async () => {
    const config = await configOf(freshFolder(), major);
    const { hands } = await start(config);
    await hands.initDb(defaultInit);
    await hands.start();
    await query(config, 'create table t as select 42 as x');
    const pid = pidOf(config);
    world.processes.signal(pid, 'SIGKILL');
    await gone(pid);
    expect((await hands.status()).state).toBe(ServerState.CRASHED);
    await hands.start();
    expect(await query(config, 'select x from t')).toBe('42');
  });
});

describe.runIf(binaries[17] !== undefined)('pgctld', () => {
  test('starts a crashed server again by itself, when it is to be kept running', async () => {
    const config = { ...(await configOf(freshFolder(), 17)), keepRunning: true };
    const { hands } = await start(config);
    await hands.initDb(defaultInit);
    await hands.start();
    const pid = pidOf(config);
    world.processes.signal(pid, 'SIGKILL');
    await gone(pid);
    await expect.poll(() => query(config, 'select 1').catch(() => ''), { timeout: 20_000 }).toBe('1');
    expect(pidOf(config)).not.toBe(pid);
  });

  test.each<[string, (step: MortalStep) => boolean, 'before' | 'during']>([
    ['while initdb runs', ({ target }) => target.endsWith('/initdb'), 'during'],
    [
      'before the new directory gets its name',
      ({ deed, target }) => deed === 'rename' && target.includes('/data.new.'),
      'before',
    ],
    ['while Postgres is being born', ({ deed, target }) => deed === 'spawn' && target.endsWith('/postgres'), 'during'],
  ])('killed %s, is followed by one that finishes', async (_title, fatal, when) => {
    const config = await configOf(freshFolder(), 17);
    const mortal = mortalWorld(world, fatal, when);
    const doomed = await start({ ...config, pid: 1 }, mortal.world);
    // Nobody must wait for the dead.
    open.pop();
    void doomed.hands
      .initDb(defaultInit)
      .then(() => doomed.hands.start())
      .catch(() => undefined);
    await expect.poll(() => mortal.dead, { timeout: 30_000 }).toBe(true);
    const { hands } = await start(config);
    await hands.initDb(defaultInit);
    await hands.start();
    expect(await query(config, 'select 1')).toBe('1');
    // The orphaned initdb may still be writing into its own directory.
    const names = (await world.disk.list(config.directory)).filter((name) => !name.startsWith('data.new.'));
    expect(names).toEqual(['data', 'etc', 'log', 'pgctld.lock', 'server.json']);
  });

  test('takes initdb with it when it ends', async () => {
    const config = await configOf(freshFolder(), 17);
    const { hands, close } = await start(config);
    const made = refused(hands.initDb(defaultInit));
    const dataFolders = (): string[] => readdirSync(config.directory).filter((name) => name.startsWith('data'));
    await expect.poll(dataFolders, { interval: 5 }).toHaveLength(1);
    await close();
    open.splice(0);
    expect((await made).sqlstate).toBe('57P01');
    expect(spawnSync('pgrep', ['-f', config.directory]).stdout.toString()).toBe('');
    // It may have been too far to stop; then it has finished.
    expect(dataFolders().filter((name) => name !== 'data')).toEqual([]);
  });

  test('says which address is in use, with the words of the server', async () => {
    const config = await configOf(freshFolder(), 17);
    const { hands } = await start(config);
    await hands.initDb(defaultInit);
    const taken = net.createServer().listen(config.port, '127.0.0.1');
    try {
      const error = await refused(hands.start());
      expect(error.message).toBe('Postgres cannot start: its address 127.0.0.1 is in use');
      expect(error.report.detail).toContain('Address already in use');
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
    await hands.start();
  });

  test('is not held up by a lock file whose pid belongs to another program by now', async () => {
    const config = await configOf(freshFolder(), 17);
    const { hands } = await start(config);
    await hands.initDb(defaultInit);
    await hands.start();
    const pid = pidOf(config);
    world.processes.signal(pid, 'SIGKILL');
    await gone(pid);
    const other = spawn('sleep', ['600'], { ...(isRoot ? nobody : {}), stdio: 'ignore' });
    try {
      for (const file of [
        path.join(config.directory, 'data/postmaster.pid'),
        path.join(config.socketDirectory, `.s.PGSQL.${config.port}.lock`),
      ]) {
        writeFileSync(file, readFileSync(file, 'utf8').replace(String(pid), String(other.pid)));
      }
      expect((await hands.status()).state).toBe(ServerState.CRASHED);
      await hands.start();
      expect(await query(config, 'select 1')).toBe('1');
      expect(world.processes.isAlive(other.pid as number)).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('adopts a server that an earlier one has started, and stops it', async () => {
    const config = await configOf(freshFolder(), 17);
    const first = await start(config);
    await first.hands.initDb(defaultInit);
    await first.hands.start();
    const pid = pidOf(config);
    await first.close();
    open.splice(0);
    const second = await start(config);
    await second.hands.start();
    expect((await second.hands.status()).pid).toBe(pid);
    await second.hands.stop('fast');
    expect(world.processes.isAlive(pid)).toBe(false);
  });

  test.runIf(binaries[15] !== undefined)('refuses the data of another major version', async () => {
    const config = await configOf(freshFolder(), 15);
    const old = await start(config);
    await old.hands.initDb(defaultInit);
    await old.close();
    open.splice(0);
    const { hands } = await start({ ...config, binDirectory: binaries[17] as string });
    expect((await refused(hands.start())).message).toMatch(
      /was made by PostgreSQL 15, which PostgreSQL 17 cannot read/,
    );
  });

  test('tells a full disk from other trouble, and leaves nothing half made', async (context) => {
    const folder = freshFolder();
    const small = path.join(folder, 'small');
    mkdirSync(small);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', small], { stdio: 'ignore' });
    context.skip(mounted.status !== 0, 'mounting a small disk is not permitted here');
    const config = { ...(await configOf(folder, 17)), directory: path.join(small, 'pg') };
    const { hands } = await start(config);
    const error = await refused(hands.initDb(defaultInit));
    expect([error.sqlstate, error.message]).toEqual(['53100', 'cannot initialize a data directory: the disk is full']);
    expect(error.report.detail).toContain('No space left on device');
    expect(await world.disk.list(config.directory)).toEqual(['pgctld.lock']);
  });
});
