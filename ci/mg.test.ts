import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { repositoryRoot } from './source/files.ts';

const mg = path.join(repositoryRoot, 'mg');
const run = (args: readonly string[], options: { cwd?: string; command?: string } = {}): ReturnType<typeof ended> =>
  ended(spawnSync(options.command ?? mg, args, { encoding: 'utf8', cwd: options.cwd ?? repositoryRoot }));
const ended = ({ status, stdout, stderr }: { status: number | null; stdout: string; stderr: string }) => ({
  status,
  stdout,
  stderr,
});

/** A repository of its own: the real front door and toolchain, and a program that tells how it was called. */
let root = '';
beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'mg-door-')));
  for (const name of ['pnpm-lock.yaml', 'node_modules'])
    symlinkSync(path.join(repositoryRoot, name), path.join(root, name));
  copyFileSync(mg, path.join(root, 'mg'));
  mkdirSync(path.join(root, 'ci'));
});
afterEach(() => rmSync(root, { recursive: true }));

test('help goes to standard output and ends well', () => {
  const { status, stdout, stderr } = run(['help']);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain('start a whole local cluster');
  expect(run(['--help']).stdout).toBe(stdout);
});

test('no command, and one that does not exist, end with code 2 and say what there is', () => {
  expect(run([]).status).toBe(2);
  const { status, stdout, stderr } = run(['frobnicate']);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain('there is no command "frobnicate"');
  expect(stderr).toContain('start a whole local cluster');
});

test('the program runs in the folder of its user, on the pinned Node, with its arguments as they are', () => {
  writeFileSync(
    path.join(root, 'ci/check.ts'),
    'console.log(JSON.stringify([process.cwd(), process.version, process.argv.slice(2)]));',
  );
  const there = realpathSync(os.tmpdir());
  const link = path.join(root, 'link');
  symlinkSync(path.join(root, 'mg'), link);
  for (const command of [path.join(root, 'mg'), link]) {
    const { stdout } = run(['check', 'a b', '', '*', '--x=$HOME'], { cwd: there, command });
    expect(JSON.parse(stdout)).toEqual([there, expect.stringMatching(/^v26\./), ['a b', '', '*', '--x=$HOME']]);
  }
});

test('the exit code of the program is the exit code', () => {
  writeFileSync(path.join(root, 'ci/check.ts'), 'process.exitCode = 7;');
  expect(run(['check'], { command: path.join(root, 'mg') }).status).toBe(7);
});

test('a signal reaches the program itself', async () => {
  writeFileSync(
    path.join(root, 'ci/check.ts'),
    "process.once('SIGTERM', () => process.exit(9)); setInterval(() => {}, 60_000); console.log(process.pid);",
  );
  const child = spawn(path.join(root, 'mg'), ['check'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.on('close', resolve));
  const pid = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
  expect(Number(pid)).toBe(child.pid);
  child.kill('SIGTERM');
  expect(await exited).toBe(9);
});
