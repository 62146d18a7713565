import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '@multigres/host';
import { afterEach, describe, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const isRoot = process.geteuid?.() === 0;
const tools = [await findTool('postgres-17'), await findTool('etcd')];
const folders: string[] = [];

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly result: Promise<Result>;
  /** Resolves when this text stands in standard error. */
  said(text: string): Promise<void>;
}

function begin(...args: readonly string[]): Running {
  const child = spawn(process.execPath, ['--conditions=@multigres/source', main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', MULTIGRES_DIR: '' },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => (output.stdout += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (output.stderr += bytes.toString()));
  const result = new Promise<Result>((resolve) => {
    child.on('close', (code) => resolve({ code, ...output }));
  });
  const said = async (text: string): Promise<void> => {
    await expect.poll(() => output.stderr, { timeout: 60_000, interval: 10 }).toContain(text);
  };
  return { child, result, said };
}

const run = (...args: readonly string[]): Promise<Result> => begin(...args).result;

function freshFolder(): string {
  const parent = mkdtempSync(path.join(realpathSync('/tmp'), 'mg-up-'));
  spawnSync('chmod', ['755', parent]);
  const folder = path.join(parent, 'cluster');
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

async function up(folder: string, ...more: readonly string[]): Promise<string> {
  const port = more.includes('--port') ? [] : ['--port', String(await freePort())];
  const result = await run('up', '--single', '--dir', folder, ...port, ...more);
  expect([result.code, result.stderr]).toEqual([0, expect.stringContaining('first query: answered')]);
  return result.stdout.trim();
}

interface Status {
  readonly state: string;
  readonly connectionString: string;
  readonly components: readonly {
    readonly name: string;
    readonly state: string;
    readonly pid: number;
    readonly reason?: string;
  }[];
}

async function statusOf(folder: string): Promise<{ readonly code: number | null; readonly status: Status }> {
  const { code, stdout } = await run('status', '--json', '--dir', folder);
  return { code, status: JSON.parse(stdout.trim().split('\n').at(-1) as string) as Status };
}

const pidOf = (status: Status, name: string): number =>
  status.components.find((component) => component.name === name)?.pid as number;

/** Processes that have this folder in their command line. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(folder) ? [line] : [];
      } catch {
        return [];
      }
    });
}

async function sql(folder: string, text: string): Promise<Result> {
  return run('psql', '--dir', folder, '-XAtc', text);
}

afterEach(async () => {
  for (const folder of folders.splice(0)) {
    await run('down', '--destroy', '--dir', folder);
    spawnSync('umount', [path.dirname(folder)], { stdio: 'ignore' });
    rmSync(path.dirname(folder), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
});

describe.runIf(tools.every((tool) => tool !== undefined))('a local cluster', () => {
  test('is started, asked, stopped, and has its data and its port when it is started again', async () => {
    const folder = freshFolder();
    const string = await up(folder);
    expect(string).toMatch(/^postgresql:\/\/postgres:\w{24}@127\.0\.0\.1:\d+\/postgres$/);
    expect(statSync(path.join(folder, 'password')).mode & 0o777).toBe(0o600);
    const first = await statusOf(folder);
    expect([first.code, first.status.state]).toEqual([0, 'running']);
    expect(first.status.connectionString).toBe(string.replace(/:\w{24}@/, '@'));
    expect(await sql(folder, 'create table t as select 42 as x')).toMatchObject({ code: 0 });
    expect((await sql(folder, 'select nonsense')).code).toBe(1);
    expect(await run('down', '--dir', folder)).toMatchObject({ code: 0 });
    expect(processesOf(folder)).toEqual([]);
    const stopped = await statusOf(folder);
    expect([stopped.code, stopped.status.state]).toEqual([3, 'stopped']);
    const again = await run('up', '--dir', folder);
    expect([again.code, again.stdout.trim()]).toEqual([0, string]);
    expect((await sql(folder, 'select x from t')).stdout).toBe('42\n');
  });

  test('gets a new password when the file with the old one was lost', async () => {
    const folder = freshFolder();
    const string = await up(folder);
    await run('down', '--dir', folder);
    rmSync(path.join(folder, 'password'));
    const again = await run('up', '--dir', folder);
    expect([again.code, again.stdout.trim()]).toEqual([0, expect.not.stringMatching(string)]);
    expect((await sql(folder, 'select 1')).stdout).toBe('1\n');
  });

  test('is not started twice', async () => {
    const folder = freshFolder();
    const string = await up(folder);
    const before = processesOf(folder);
    const second = await run('up', '--dir', folder);
    expect([second.code, second.stdout.trim()]).toEqual([0, string]);
    expect(second.stderr).toContain('already running');
    expect(processesOf(folder)).toEqual(before);
    const other = await run('up', '--dir', folder, '--port', '1');
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('runs already')]);
  });

  test('is started by one at a time', async () => {
    const folder = freshFolder();
    const first = begin('up', '--single', '--dir', folder, '--port', String(await freePort()));
    await first.said('programs:');
    const second = await run('up', '--dir', folder);
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('is at work in')]);
    expect((await first.result).code).toBe(0);
  });

  test('takes no other port than the one that was named', async () => {
    const folder = freshFolder();
    const taken = net.createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as net.AddressInfo).port));
    });
    const result = await run('up', '--single', '--dir', folder, '--port', String(port));
    await new Promise((resolve) => taken.close(resolve));
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toMatch(
      new RegExp(`^multigres: port ${port} is in use by process ${process.pid} .*\nhint: `),
    );
    expect(processesOf(folder)).toEqual([]);
  });

  test('is degraded without a part of it, and made whole by another up', async () => {
    const folder = freshFolder();
    await up(folder);
    const { status } = await statusOf(folder);
    process.kill(pidOf(status, 'gateway'), 'SIGKILL');
    await expect.poll(async () => (await statusOf(folder)).code, { timeout: 10_000 }).toBe(1);
    const degraded = (await statusOf(folder)).status;
    expect([degraded.state, degraded.components.at(-1)]).toMatchObject([
      'degraded',
      { name: 'gateway', state: 'crashed' },
    ]);
    expect((await run('up', '--dir', folder)).code).toBe(0);
    const whole = (await statusOf(folder)).status;
    expect([whole.state, pidOf(whole, 'postgres')]).toEqual(['running', pidOf(status, 'postgres')]);
  });

  test('leaves no process, even when those are gone who should stop others', async () => {
    const folder = freshFolder();
    await up(folder);
    const { status } = await statusOf(folder);
    for (const name of ['pgctld', 'pooler', 'etcd']) process.kill(pidOf(status, name), 'SIGKILL');
    const down = await run('down', '--dir', folder);
    expect([down.code, down.stderr]).toEqual([0, expect.stringContaining('postgres: stopped')]);
    expect(processesOf(folder)).toEqual([]);
  });

  test('comes back when Postgres crashes', async () => {
    const folder = freshFolder();
    await up(folder);
    await sql(folder, 'create table t as select 42 as x');
    const { status } = await statusOf(folder);
    process.kill(pidOf(status, 'postgres'), 'SIGKILL');
    await expect.poll(async () => (await sql(folder, 'select x from t')).stdout, { timeout: 60_000 }).toBe('42\n');
  });

  test('takes everything back when its start is interrupted', async () => {
    const folder = freshFolder();
    const starting = begin('up', '--single', '--dir', folder, '--port', String(await freePort()));
    await starting.said('pgctld:');
    starting.child.kill('SIGINT');
    const { code, stdout, stderr } = await starting.result;
    expect([code, stdout, stderr]).toEqual([130, '', expect.stringContaining('interrupted')]);
    expect(processesOf(folder)).toEqual([]);
  });

  test('lets everybody in with --auth trust, and says so in the connection string', async () => {
    const folder = freshFolder();
    const string = await up(folder, '--auth', 'trust');
    expect(string).not.toContain(':@');
    expect(string).toMatch(/^postgresql:\/\/postgres@/);
    const psql = path.join(tools[0]?.bin as string, 'psql');
    const asked = spawnSync(psql, ['-XAtwd', string, '-c', 'select 1'], { env: { PATH: process.env['PATH'] } });
    expect(asked.stdout.toString()).toBe('1\n');
  });

  test('tells when the disk is too small for etcd, and leaves nothing running', async (context) => {
    const folder = freshFolder();
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=60m', 'tmpfs', path.dirname(folder)], {
      stdio: 'ignore',
    });
    context.skip(mount.status !== 0, 'mounting a small disk is not permitted here');
    const result = await run('up', '--single', '--dir', folder, '--port', String(await freePort()));
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('etcd cannot write: the disk is full')]);
    expect(processesOf(folder)).toEqual([]);
  });

  test.runIf(isRoot)(
    'keeps its data elsewhere in a folder that only root may enter, and removes it there, too',
    async () => {
      const folder = freshFolder();
      spawnSync('chmod', ['700', path.dirname(folder)]);
      await up(folder);
      const record = JSON.parse(readFileSync(path.join(folder, 'cluster.json'), 'utf8')) as {
        readonly dataElsewhere: string;
      };
      expect(record.dataElsewhere).toMatch(/^\/var\/lib\/multigres\//);
      expect((await sql(folder, 'select 1')).stdout).toBe('1\n');
      await run('down', '--destroy', '--dir', folder);
      expect([existsSync(record.dataElsewhere), processesOf(record.dataElsewhere)]).toEqual([false, []]);
    },
  );

  test('fits into a folder whose path is too long for sockets', async () => {
    const folder = path.join(freshFolder(), 'long'.repeat(20), 'long'.repeat(20));
    mkdirSync(folder, { recursive: true });
    folders.unshift(folder);
    await up(folder);
    expect((await sql(folder, 'select 1')).stdout).toBe('1\n');
  });
});

test('a command without a cluster says how to get one', async () => {
  const result = await sql('/tmp/no-such-cluster', 'select 1');
  expect([result.code, result.stderr]).toEqual([3, expect.stringContaining('hint: Start one with `./mg up`')]);
});

test.each([['up', '--port', 'x'], ['frobnicate'], ['up', '--nonsense']])(
  '%s %s %s is a usage error',
  async (...args) => {
    expect((await run(...args)).code).toBe(2);
  },
);
