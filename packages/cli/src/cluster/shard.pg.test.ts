import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '@multigres/host';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const tools = [await findTool('postgres-17'), await findTool('etcd')];

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, ['--conditions=@multigres/source', main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', MULTIGRES_DIR: '' },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => (output.stdout += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (output.stderr += bytes.toString()));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

interface ShardStatus {
  readonly state: string;
  readonly leader: string;
  readonly rule: { readonly number: string; readonly voters: readonly string[] };
  readonly members: readonly { readonly name: string; readonly role: string; readonly health: string }[];
}

interface Status {
  readonly state: string;
  readonly components: readonly { readonly name: string; readonly cell: string | null; readonly pid: number | null }[];
}

describe.runIf(tools.every((tool) => tool !== undefined))('a local shard of three', () => {
  let folder = '';
  let first: Result;

  const sql = (text: string): Promise<Result> => run('psql', '--dir', folder, '-XAtc', text);
  const json = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse((await run(...args, '--json', '--dir', folder)).stdout.trim()) as T;
  const healthy = async (): Promise<ShardStatus> => {
    await expect
      .poll(async () => (await json<ShardStatus>('shard', 'status')).state, { timeout: 90_000, interval: 500 })
      .toBe('healthy');
    return json('shard', 'status');
  };
  const pidOf = async (name: string): Promise<number> => {
    const { components } = await json<Status>('status');
    return components.find((component) => component.name === name)?.pid ?? 0;
  };
  const processesOf = (): readonly string[] =>
    readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false;
      }
    });

  beforeAll(async () => {
    const parent = mkdtempSync(path.join(realpathSync('/tmp'), 'mg-shard-'));
    spawnSync('chmod', ['755', parent]);
    folder = path.join(parent, 'cluster');
    first = await run('up', '--dir', folder, '--port', String(await freePort()));
  });

  afterAll(async () => {
    await run('down', '--destroy', '--dir', folder);
    rmSync(path.dirname(folder), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  test('stands in three cells, with all members as voters', async () => {
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('3 of 3 vote')]);
    const { members, rule } = await healthy();
    expect(members.map(({ name }) => name)).toEqual(['zone1/pooler-1', 'zone2/pooler-2', 'zone3/pooler-3']);
    expect(rule.voters).toHaveLength(3);
    const { state, components } = await json<Status>('status');
    expect(state).toBe('running');
    expect(components.filter(({ cell }) => cell === 'zone2').map(({ name }) => name)).toEqual([
      'etcd-zone2',
      'pgctld-2',
      'postgres-2',
      'pooler-2',
      'orch-2',
      'gateway-2',
    ]);
  });

  test('goes on when its leader is killed, and has what was acknowledged', async () => {
    expect((await sql('create table t as select 42 as x')).code).toBe(0);
    const { leader, rule } = await healthy();
    process.kill(await pidOf(`postgres-${leader.at(-1)}`), 'SIGKILL');
    await expect.poll(async () => (await sql('insert into t values (43)')).code, { timeout: 60_000 }).toBe(0);
    expect((await sql('select min(x), max(x) from t')).stdout).toBe('42|43\n');
    expect(Number.parseFloat((await healthy()).rule.number)).toBeGreaterThan(Number.parseFloat(rule.number));
  });

  test('changes its leader when asked to, and says what it cannot do', async () => {
    const { leader, members } = await healthy();
    const next = members.find(({ role }) => role === 'follower')?.name as string;
    const changed = await run('shard', 'switchover', next, '--dir', folder);
    expect([changed.code, changed.stdout]).toEqual([0, expect.stringContaining(`${next} leads under rule`)]);
    const { leader: now } = await healthy();
    expect([now, now === leader]).toEqual([next, false]);
    for (const [args, words] of [
      [['switchover', 'nobody'], 'there is no pooler nobody here'],
      [['set-policy', 'AT_LEAST_N', '9'], 'cannot be met'],
      [['remove', next], 'leads and cannot be removed'],
    ] as const) {
      const refused = await run('shard', ...args, '--dir', folder);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(words)]);
    }
  });

  test('explains itself', async () => {
    const { code, stdout } = await run('shard', 'explain', '--dir', folder);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/what it did, newest first\n.*\w/s)]);
  });

  test('keeps its etcd from another cluster', async () => {
    const { etcds } = JSON.parse(readFileSync(path.join(folder, 'cluster.json'), 'utf8')) as {
      readonly etcds: readonly { readonly clientPort: number }[];
    };
    const stranger = await run(
      ...[
        'pooler',
        '--id',
        'stranger',
        '--relay',
        `127.0.0.1:${await freePort()}`,
        '--grpc',
        `127.0.0.1:${await freePort()}`,
      ],
      ...['--postgres', '127.0.0.1:1', '--cell', 'zone1', '--cluster-id', 'another'],
      ...['--topology-global', `http://127.0.0.1:${etcds[0]?.clientPort}`],
    );
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('belongs to cluster')]);
    expect((await run('topo', 'ls', 'poolers', '--dir', folder)).stdout).not.toContain('stranger');
  });

  test('is stopped without a trace, and is itself again when it is started', async () => {
    expect((await run('down', '--dir', folder)).code).toBe(0);
    expect(processesOf()).toEqual([]);
    const other = await run('up', '--single', '--dir', folder);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('is a shard of 3 Postgres servers')]);
    expect((await run('up', '--dir', folder)).code).toBe(0);
    expect((await sql('select count(*) from t')).stdout).toBe('2\n');
  });
});
