import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint, World } from '@multigres/core';
import { findTool, GrpcTransport, hostWorld } from '@multigres/host';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { CloneOptions } from './clone.ts';
import { defaultLimits, type PgctldConfig } from './config.ts';
import type { SourceEndpoint } from './conninfo.ts';
import { mortalWorld } from './fake/mortal-world.ts';
import { defaultInit } from './initialize.ts';
import { startPgctld, type Pgctld, type PostgresHands } from './pgctld.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const world = hostWorld({ log: { level: 'error' } });
const nobody = { uid: 65_534, gid: 65_534 };
const binaries: Record<number, string | undefined> = {
  15: (await findTool('postgres-15'))?.bin,
  17: (await findTool('postgres-17'))?.bin,
  18: (await findTool('postgres-18'))?.bin,
};
const majors = [15, 17, 18].filter((major) => binaries[major] !== undefined);

/** One of several servers that keep a shard, with its pgctld. */
interface Member {
  readonly config: PgctldConfig;
  readonly hands: PostgresHands;
  readonly folder: string;
  close(): Promise<void>;
}

const open: Member[] = [];

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function member(major: number, over: Partial<PgctldConfig> = {}): Promise<Member> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mg-member-'));
  spawnSync('chmod', ['755', folder]);
  const config: PgctldConfig = {
    id: path.basename(folder),
    pid: process.pid,
    binDirectory: binaries[major] as string,
    directory: path.join(folder, 'pg'),
    socketDirectory: path.join(folder, 'sockets'),
    port: await freePort(),
    listenAddresses: ['127.0.0.1'],
    maxConnections: 20,
    superuserPassword: 'a password',
    replicationPassword: String.raw`se:cr\et`,
    member: true,
    keepRunning: true,
    limits: defaultLimits,
    ...(process.geteuid?.() === 0 ? { runAs: nobody } : {}),
    ...over,
  };
  return opened(config, folder);
}

let services = 0;

function pgctldOn(config: PgctldConfig, folder: string, mine: World = world): Promise<Pgctld> {
  const listen: Endpoint = { kind: 'unix', path: path.join(folder, `pgctld-${(services += 1)}.sock`) };
  return startPgctld({ world: mine, rpc: new GrpcTransport(world) }, config, listen);
}

async function opened(config: PgctldConfig, folder: string): Promise<Member> {
  const { hands, close } = await pgctldOn(config, folder);
  const made: Member = { config, hands, folder, close };
  open.push(made);
  return made;
}

/** Another pgctld, for one that has ended. */
function again({ config, folder }: Member): Promise<Member> {
  return opened(config, folder);
}

/** What psql prints over the socket: columns separated by |. */
async function query({ config }: Member, sql: string): Promise<string> {
  const target = `host=${config.socketDirectory} port=${config.port} user=postgres dbname=postgres`;
  const psql = path.join(config.binDirectory, 'psql');
  const { stdout } = await promisify(execFile)(psql, ['-XAtqw', '-d', target, '-c', sql]);
  return stdout.trim();
}

const pidFile = ({ config }: Member): string => path.join(config.directory, 'data/postmaster.pid');
const pidOf = (of: Member): number => Number(readFileSync(pidFile(of), 'utf8').split('\n')[0]);
const isStandby = (of: Member): Promise<string> => query(of, 'select pg_is_in_recovery()').catch(() => '');
const fresh = (incarnation: string): typeof defaultInit & { readonly incarnation: string } => ({
  ...defaultInit,
  incarnation,
});

/** A new shard's first member, promoted; its commits wait for nobody. */
async function leader(major: number): Promise<Member> {
  const first = await member(major);
  await first.hands.initDb(fresh('000000000000000a'));
  await first.hands.start({ standby: true });
  await first.hands.promote();
  await query(first, `alter system set synchronous_standby_names = ''`);
  await first.hands.reload();
  await expect.poll(() => query(first, 'show synchronous_standby_names')).toBe('');
  return first;
}

/** Lets others copy from it, as the member of a new shard does (PostgreSQL documentation, "pg_rewind", about the role). */
async function admitFollowers(one: Member): Promise<void> {
  const password = (one.config.replicationPassword ?? '').replaceAll("'", "''");
  const functions = [
    'pg_ls_dir(text, boolean, boolean)',
    'pg_stat_file(text, boolean)',
    'pg_read_binary_file(text)',
    'pg_read_binary_file(text, bigint, bigint, boolean)',
  ];
  await query(
    one,
    `set password_encryption = 'scram-sha-256';
     create role multigres_replication login replication password '${password}';
     ${functions.map((each) => `grant execute on function pg_catalog.${each} to multigres_replication;`).join('\n')}`,
  );
}

const sourceOf = ({ config }: Member): SourceEndpoint => ({ kind: 'tcp', host: '127.0.0.1', port: config.port });
const cloneOf = (one: Member, incarnation: string): CloneOptions => ({
  source: sourceOf(one),
  incarnation,
  systemIdentifier: undefined,
});
const rowsOf = (one: Member): Promise<string> =>
  query(one, `select coalesce(string_agg(x::text, ',' order by x), '') from t`).catch(() => 'no answer');

/** Kills the server and keeps its pgctld from starting it again. */
async function killForGood(one: Member): Promise<void> {
  world.processes.signal(pidOf(one), 'SIGKILL');
  await one.hands.stop('immediate');
}

/** Ends recovery and lets commits wait for nobody. */
async function lead(one: Member): Promise<void> {
  await query(one, `alter system set synchronous_standby_names = ''`);
  await one.hands.reload();
  await one.hands.promote();
  await query(one, 'checkpoint');
}

/** A leader with one row, and a follower that has it. */
async function pair(major: number): Promise<readonly [Member, Member]> {
  const a = await leader(major);
  await admitFollowers(a);
  await query(a, 'create table t (x int); insert into t values (1)');
  const b = await member(major);
  await b.hands.clone(cloneOf(a, '000000000000000b'));
  await b.hands.start();
  await expect.poll(() => rowsOf(b)).toBe('1');
  return [a, b];
}

afterEach(async () => {
  for (const each of open.splice(0)) {
    await each.hands.stop('immediate').catch(() => undefined);
    await each.close();
    if (existsSync(pidFile(each))) world.processes.signal(pidOf(each), 'SIGQUIT');
    rmSync(each.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
});

describe.each(majors)('a member on PostgreSQL %i', (major) => {
  test('is a standby until it is promoted, and again after each end', async () => {
    const one = await member(major);
    await one.hands.initDb(fresh('000000000000000a'));
    await one.hands.start();
    expect(await isStandby(one)).toBe('t');
    expect(await query(one, 'show synchronous_standby_names')).toBe('ANY 1 (mg_nobody)');
    await one.hands.promote();
    await one.hands.promote();
    expect(await isStandby(one)).toBe('f');
    await query(one, `set synchronous_commit = local; create table t as select 42 as x`);
    const pid = pidOf(one);
    world.processes.signal(pid, 'SIGKILL');
    await expect.poll(() => isStandby(one), { timeout: 20_000, interval: 20 }).toBe('t');
    expect([pidOf(one) === pid, await query(one, 'select x from t')]).toEqual([false, '42']);
    await one.hands.promote();
    await one.hands.restart('fast');
    expect(await isStandby(one)).toBe('t');
    expect(await one.hands.status()).toMatchObject({ standby: true, incarnation: '000000000000000a' });
  });

  test('ends as a whole when one of its processes is killed, instead of recovering as a primary', async () => {
    const one = await leader(major);
    const pid = pidOf(one);
    const victim = Number(await query(one, `select pid from pg_stat_activity where backend_type = 'checkpointer'`));
    world.processes.signal(victim, 'SIGKILL');
    await expect.poll(() => isStandby(one), { timeout: 20_000, interval: 20 }).toBe('t');
    expect(pidOf(one)).not.toBe(pid);
  });

  test('is back soon though one of its sessions computes on without a postmaster', async () => {
    const one = await leader(major);
    const computing = query(one, 'select count(*) from generate_series(1, 1000000000) as n where n % 7 = 3').catch(
      () => '',
    );
    await expect.poll(() => query(one, `select count(*) from pg_stat_activity where query like '%n % 7%'`)).toBe('2');
    world.processes.signal(pidOf(one), 'SIGKILL');
    await expect.poll(() => isStandby(one), { timeout: 20_000, interval: 20 }).toBe('t');
    expect(await computing).toBe('');
  });

  test('is cloned, follows, takes over when its leader is killed, and has that rewound to follow it', async () => {
    const [a, b] = await pair(major);
    expect(await b.hands.status()).toMatchObject({
      incarnation: '000000000000000b',
      standby: true,
      systemIdentifier: (await a.hands.status()).systemIdentifier,
    });
    expect(await query(b, 'show synchronous_standby_names')).toBe('ANY 1 (mg_nobody)');
    // The leader writes on while its follower is away: that is what will have to be taken back.
    await b.hands.stop('fast');
    await query(a, 'insert into t values (2)');
    await killForGood(a);
    await b.hands.start();
    await lead(b);
    await query(b, 'insert into t values (3)');
    const report = await a.hands.rewind(sourceOf(b));
    expect([report.unchanged, report.divergence?.timeline]).toEqual([false, 2]);
    expect(await a.hands.status()).toMatchObject({ incarnation: '000000000000000a', unusable: false });
    await a.hands.start();
    await expect.poll(() => rowsOf(a)).toBe('1,3');
    await query(b, 'insert into t values (4)');
    await expect.poll(() => rowsOf(a)).toBe('1,3,4');
    expect(await query(a, 'show synchronous_standby_names')).toBe('ANY 1 (mg_nobody)');
    await a.hands.stop('fast');
    expect((await a.hands.rewind(sourceOf(b))).unchanged).toBe(true);
    await a.hands.start();
    await expect.poll(() => rowsOf(a)).toBe('1,3,4');
  });
});

describe.runIf(majors.length > 0)('a member', () => {
  const major = majors.at(-1) as number;

  test('whose pgctld was killed while it was rewound is only good to be cloned, and then follows', async () => {
    const [a, b] = await pair(major);
    await b.hands.stop('fast');
    await query(a, 'insert into t values (2)');
    await killForGood(a);
    await b.hands.start();
    await lead(b);
    // It must be stopped cleanly: the doomed one would recover it first.
    await a.hands.start();
    await a.hands.stop('fast');
    await a.close();
    const mortal = mortalWorld(
      world,
      ({ deed, target }) => deed === 'spawn' && target.endsWith('/pg_rewind'),
      'during',
    );
    const doomed = await pgctldOn(a.config, a.folder, mortal.world);
    void doomed.hands.rewind(sourceOf(b)).catch(() => undefined);
    await expect.poll(() => mortal.dead).toBe(true);
    const heir = await again(a);
    expect(await heir.hands.status()).toMatchObject({ unusable: true, incarnation: '000000000000000a' });
    await expect(heir.hands.start()).rejects.toThrow(/is not complete/);
    await heir.hands.clone(cloneOf(b, '00000000000000a2'));
    await heir.hands.start();
    await expect.poll(() => rowsOf(heir)).toBe('1');
    expect(await heir.hands.status()).toMatchObject({ unusable: false, incarnation: '00000000000000a2' });
  });

  test('refuses a base backup of itself in the place of its data directory', async () => {
    const a = await leader(major);
    const { directory, binDirectory, socketDirectory, port, runAs } = a.config;
    const backup = path.join(a.folder, 'sockets', 'backup');
    const args = ['-D', backup, '-h', socketDirectory, '-p', String(port), '-U', 'postgres', '-c', 'fast'];
    await promisify(execFile)(path.join(binDirectory, 'pg_basebackup'), args, { ...runAs });
    await a.hands.stop('fast');
    rmSync(path.join(directory, 'data'), { recursive: true });
    renameSync(backup, path.join(directory, 'data'));
    await expect(a.hands.start()).rejects.toThrow(/is not the one that this pgctld has made/);
    await expect(a.hands.clone(cloneOf(a, '000000000000000c'))).rejects.toThrow(/is not the one/);
    expect(existsSync(path.join(directory, 'data/PG_VERSION'))).toBe(true);
  });

  test('is not cloned from another cluster, nor with another password', async () => {
    const [a, other] = [await leader(major), await leader(major)];
    await admitFollowers(other);
    await a.hands.stop('fast');
    await expect(a.hands.clone(cloneOf(other, '000000000000000c'))).rejects.toThrow(/a server of another cluster/);
    await expect(a.hands.rewind(sourceOf(other))).rejects.toThrow(/has changed nothing/);
    const stranger = await member(major, { replicationPassword: 'guessed' });
    await expect(stranger.hands.clone(cloneOf(other, '000000000000000d'))).rejects.toMatchObject({
      report: { detail: expect.stringContaining('password authentication failed') as string },
    });
    expect(await stranger.hands.status()).toMatchObject({ incarnation: '' });
    await a.hands.start();
    expect(await a.hands.status()).toMatchObject({ incarnation: '000000000000000a' });
  });

  test.runIf(majors.length > 1)('is not cloned from another major version', async () => {
    const old = await leader(majors[0] as number);
    await admitFollowers(old);
    const newer = await member(major);
    const error = await newer.hands.clone(cloneOf(old, '000000000000000c')).catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({
      message: `cannot clone from PostgreSQL ${majors[0]} with the programs of PostgreSQL ${major}`,
    });
    expect(readdirSync(newer.config.directory)).not.toContain('data');
  });
});
