import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeOwnFolder, unprivilegedAccount } from '../machine/account.ts';
import { freePort } from '../machine/ports.ts';
import { Program } from '../machine/program.ts';
import { run } from '../machine/run.ts';
import type { Scratch } from '../scratch.ts';
import type { PostgresServer } from './postgres.ts';

const msMax = 120_000;

/**
 * A standby that every commit waits for, and that takes `delayMs` over each: it applies commits that much later (`recovery_min_apply_delay`), and the primary waits until they are
 * applied (`synchronous_commit = remote_apply`). As a quorum in another place would make it, without its network.
 */
export async function startSlowStandby(scratch: Scratch, primary: PostgresServer, delayMs: number): Promise<Program> {
  const runAs = unprivilegedAccount();
  const data = join(makeOwnFolder(join(scratch.folder, 'standby'), runAs), 'data');
  const { host, port: primaryPort } = primary.addressOver('unix');
  const port = await freePort();
  await run({
    program: join(primary.bin, 'pg_basebackup'),
    args: ['-D', data, '-R', '-X', 'stream', '-c', 'fast', '-h', host, '-p', String(primaryPort), '-U', 'postgres'],
    runAs,
    msMax,
  });
  appendFileSync(join(data, 'postgresql.conf'), `\nport = ${port}\nrecovery_min_apply_delay = '${delayMs}ms'\n`);
  const standby = await Program.start({
    title: 'the standby',
    program: join(primary.bin, 'postgres'),
    args: ['-D', data],
    runAs,
    logFile: join(scratch.folder, 'standby.log'),
    stopSignal: 'SIGINT',
  });
  scratch.deferStop(standby);
  await standby.until(
    async () => (await primary.query('SELECT count(*) FROM pg_stat_replication')).trim() === '1',
    msMax,
  );
  for (const setting of ["synchronous_standby_names = '*'", "synchronous_commit = 'remote_apply'"])
    await primary.query(`ALTER SYSTEM SET ${setting}`);
  await primary.query('SELECT pg_reload_conf()');
  return standby;
}
