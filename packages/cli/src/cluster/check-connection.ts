import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { CliError } from '../errors.ts';
import { connectionString, superuser } from './connection-string.ts';
import type { Cluster } from './cluster.ts';

/** One query the way a client would send it: the only proof that all of it works together. */
export async function checkConnection(
  { folder, record }: Cluster,
  password: string,
  bin: string,
  signal: AbortSignal,
): Promise<string> {
  const args = ['-XAtwd', connectionString(record, undefined), '-c', 'select 1'];
  const begunMs = performance.now();
  try {
    const env = { PATH: process.env['PATH'] ?? '', PGPASSWORD: password, PGCONNECT_TIMEOUT: '10' };
    await promisify(execFile)(path.join(bin, 'psql'), args, { env, timeout: 20_000, signal });
  } catch (error) {
    signal.throwIfAborted();
    const said = ((error as { readonly stderr?: string }).stderr ?? (error as Error).message).trim();
    const hint = said.includes('password authentication failed')
      ? `Write the password of role ${superuser} to ${folder.password}.`
      : undefined;
    throw new CliError('the cluster does not answer a query', { quoted: said.split('\n'), hint, cause: error });
  }
  return `answered in ${Math.round(performance.now() - begunMs)} ms`;
}
