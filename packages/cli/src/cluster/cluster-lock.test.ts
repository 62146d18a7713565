import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockCluster } from './cluster-lock.ts';
import { clusterFolder, type Folder } from './folder.ts';

let folder: Folder;

beforeEach(() => {
  folder = clusterFolder(mkdtempSync(path.join(tmpdir(), 'mg-lock-')));
});

afterEach(() => rmSync(folder.root, { recursive: true, force: true }));

test('one at a time, and the holder is named', () => {
  const unlock = lockCluster(folder, 'up');
  expect(() => lockCluster(folder, 'down')).toThrow(`\`multigres up\` (process ${process.pid}) is at work in`);
  unlock();
  lockCluster(folder, 'down')();
  expect(readdirSync(folder.root)).toEqual([]);
});

test.each([
  ['of a process that has ended', () => spawnSync('true').pid],
  ['of an earlier life of a pid that runs', () => process.pid],
])('a lock %s is taken over', (_title, pid) => {
  symlinkSync(`${pid()}.000000000000.up`, folder.lock);
  lockCluster(folder, 'down')();
  expect(readdirSync(folder.root)).toEqual([]);
});

test('giving back takes nobody else his lock', () => {
  const unlock = lockCluster(folder, 'up');
  rmSync(folder.lock);
  symlinkSync('1.000000000000.down', folder.lock);
  unlock();
  expect(readdirSync(folder.root)).toEqual(['lock']);
});
