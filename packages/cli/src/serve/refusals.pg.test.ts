import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { ensureTool } from '@multigres/host';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { bind, execute, parse, query, sync } from '../testing/script.ts';
import { OwnProxy } from '../testing/own-proxy.ts';
import { SideBySide } from '../testing/side-by-side.ts';
import { WireClient } from '../testing/wire-client.ts';

let both: SideBySide;
beforeAll(async () => {
  both = await SideBySide.make();
});
afterAll(() => both.end());

describe('refused as by Postgres itself', () => {
  it('is currval() of a sequence that the session has not moved, also in the extended protocol', async () => {
    await both.heard(both.postgres.endpoint.port, [[1, query('create sequence unmoved')]]);
    // Somebody else has moved it, through the same backends.
    for (const port of both.ports) await both.heard(port, [[1, query("select nextval('unmoved')")]]);
    await both.same([
      [1, parse('', "select currval('unmoved')"), bind(''), execute(), sync],
      [1, parse('a', "select currval('unmoved')"), sync],
      [1, bind('a'), execute(), sync],
    ]);
  });

  it('is what is bound behind a Parse that was refused, under the name that the client gave', () =>
    both.same([
      [2, parse('b', 'select 1 2'), sync, bind('b'), execute(), sync],
      [2, parse('', 'select 1 2'), sync, bind(''), execute(), sync],
      [3, parse('b', 'select 12'), sync, bind('b'), execute(), sync, bind('b'), execute(), sync],
    ]));
});

it('who comes when the process is almost out of file descriptors is told so, and those who are there notice nothing', async () => {
  const proxy = await OwnProxy.start(both.postgres.endpoint, ['--backends-max', '20'], 300);
  onTestFinished(async () => void (await proxy.stop()));
  const as = { user: 'postgres', database: 'postgres' };
  await vi.waitFor(() => expect(proxy.output).toContain('connected to a pooler'), { timeout: 30_000, interval: 50 });
  // 300, less 200 of the process's own and those of 20 backends.
  const clients = await Promise.all(Array.from({ length: 80 }, () => WireClient.connect(proxy.port, as)));
  for (let i = 0; i < 3; i++) {
    const late = WireClient.begin(proxy.port, as);
    await late.hears('closed');
    expect(late.heard()).toBe('FATAL:53300 closed');
  }
  for (const client of clients) {
    client.write(query("select 'still here'"));
    await client.hears('(still here)');
    client.end();
  }
});

it('pg_isready is told when Postgres is away, by who was not asked before and by who was', async () => {
  const { bin } = await ensureTool('postgres-17');
  const isReady = async (port: number): Promise<number> => {
    const args = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
    const ended = promisify(execFile)(path.join(bin, 'pg_isready'), args);
    return ended.then(
      () => 0,
      ({ code }: { readonly code: number }) => code,
    );
  };
  const asked = async (): Promise<number[]> => Promise.all(both.ports.map(isReady));
  expect(await asked()).toEqual([0, 0]);
  const client = await WireClient.connect(both.ports[0] as number, { user: 'postgres', database: 'postgres' });
  await both.postgres.stop();
  // 1: it answers, and rejects.
  expect(await asked()).toEqual([1, 1]);
  expect(await asked()).toEqual([1, 1]);
  await both.postgres.start();
  expect(await asked()).toEqual([0, 0]);
  client.write(query("select 'still here'"));
  await client.hears('(still here)');
  client.end();
});

it('pgbench -M prepared gets through with fewer backends than clients, although it prepares while others wait for it', async () => {
  const { bin } = await ensureTool('postgres-17');
  const folder = mkdtempSync('/tmp/multigres-test-');
  const script = path.join(folder, 'script');
  writeFileSync(script, 'BEGIN;\nSELECT 1;\nSELECT 2;\nEND;\n');
  const [port] = both.ports;
  const args = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-n', '-M', 'prepared', '-f', script];
  const { stdout } = await promisify(execFile)(path.join(bin, 'pgbench'), [
    ...args,
    '-c',
    '20',
    '-j',
    '1',
    '-t',
    '5',
    'postgres',
  ]);
  expect(stdout).toContain('number of transactions actually processed: 100/100');
  rmSync(folder, { recursive: true });
});
