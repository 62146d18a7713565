import { spawn } from 'node:child_process';
import path from 'node:path';
import { CliError } from '../errors.ts';
import { postgresSocketDirectory, type Cluster } from './cluster.ts';
import { superuser } from './connection-string.ts';
import type { NodeRecord } from './record.ts';

/**
 * Gives the superuser the password that stands in the folder: the file was lost and made anew, the data is older. The socket trusts whoever
 * can reach it; the statement goes through standard input, because a command line can be read by everybody.
 */
export async function changePassword(cluster: Cluster, node: NodeRecord, password: string, bin: string): Promise<void> {
  const target = `host=${postgresSocketDirectory(cluster)} port=${node.postgresPort} user=${superuser} dbname=postgres`;
  const child = spawn(path.join(bin, 'psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', target], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', PGCONNECT_TIMEOUT: '10' },
    timeout: 20_000,
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(`alter role ${superuser} password '${password.replaceAll("'", "''")}';\n`);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new CliError('cannot set the new password', { quoted: said.trim().split('\n') });
}
