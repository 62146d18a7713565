import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint } from '@multigres/core';
import { findTool, GrpcTransport, hostWorld } from '@multigres/host';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { defaultLimits, type PgctldConfig } from './config.ts';
import { defaultInit } from './initialize.ts';
import { startPgctld, type PostgresHands } from './pgctld.ts';

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
  const listen: Endpoint = { kind: 'unix', path: path.join(folder, 'pgctld.sock') };
  const pgctld = await startPgctld({ world, rpc: new GrpcTransport(world) }, config, listen);
  const made: Member = { config, hands: pgctld.hands, folder, close: () => pgctld.close() };
  open.push(made);
  return made;
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
});
