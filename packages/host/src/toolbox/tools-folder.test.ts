import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { closedToOthers } from './reachable.ts';
import { toolsFolder } from './tools-folder.ts';

let scratch = '';
beforeEach(() => {
  scratch = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'mg-tools-')));
  chmodSync(scratch, 0o755);
});
afterEach(() => rmSync(scratch, { recursive: true }));

test('a folder that only its owner may enter closes all that is below it', () => {
  const closed = path.join(scratch, 'private');
  mkdirSync(path.join(closed, 'repo'), { recursive: true });
  chmodSync(closed, 0o700);
  expect(closedToOthers(path.join(closed, 'repo', '.tools'))).toBe(closed);
  chmodSync(closed, 0o711);
  expect(closedToOthers(path.join(closed, 'repo', '.tools'))).toBeUndefined();
});

test('root keeps tools in the repository if others can walk to it', () => {
  expect(toolsFolder({ root: scratch, isRoot: true, env: {} })).toEqual({ path: path.join(scratch, '.tools') });
});

test('root keeps tools out of a repository that others may not enter, and says so', () => {
  chmodSync(scratch, 0o700);
  const folder = toolsFolder({ root: scratch, isRoot: true, env: {} });
  expect(folder.path).toBe('/var/cache/multigres/tools');
  expect(folder.reason).toContain(scratch);
});

test('anybody else keeps tools in the repository even if it is private', () => {
  chmodSync(scratch, 0o700);
  expect(toolsFolder({ root: scratch, isRoot: false, env: {} }).path).toBe(path.join(scratch, '.tools'));
});

test('a repository that cannot be written leads to the cache folder of the user', () => {
  const missing = path.join(scratch, 'missing');
  expect(toolsFolder({ root: missing, isRoot: false, env: { HOME: '/home/ada' } }).path).toBe(
    '/home/ada/.cache/multigres/tools',
  );
  expect(toolsFolder({ root: missing, isRoot: false, env: { XDG_CACHE_HOME: '/c' } }).path).toBe('/c/multigres/tools');
});

test('MG_TOOLS names the folder', () => {
  expect(toolsFolder({ root: scratch, isRoot: true, env: { MG_TOOLS: '/srv/tools' } })).toEqual({ path: '/srv/tools' });
});
