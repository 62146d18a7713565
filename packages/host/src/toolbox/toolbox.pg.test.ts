import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { closedToOthers } from './reachable.ts';
import { ensureTool } from './toolbox.ts';

const fetchMsMax = 180_000;

test(
  'Postgres 17 comes with the tools that a member needs, and other users can run it',
  { timeout: fetchMsMax },
  async () => {
    const { bin, version } = await ensureTool('postgres-17');
    expect(version).toMatch(/^17\./);
    for (const program of ['initdb', 'pg_ctl', 'pg_rewind', 'pg_basebackup', 'psql', 'pgbench']) {
      expect(execFileSync(path.join(bin, program), ['--version'], { encoding: 'utf8' })).toContain('17.');
    }
    if (process.geteuid?.() === 0) expect(closedToOthers(bin)).toBeUndefined();
  },
);

test('etcd is of the 3.5 line or newer', { timeout: fetchMsMax }, async () => {
  const [major, minor] = (await ensureTool('etcd')).version.split('.').map(Number);
  expect([major, Number(minor) >= 5]).toEqual([3, true]);
});
