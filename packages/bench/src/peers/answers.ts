import { join } from 'node:path';
import { run } from '../machine/run.ts';
import type { Address, Auth } from './peer.ts';

const askMsMax = 10_000;

/** Whether a statement gets all the way to Postgres and back. */
export function answers(bin: string, { host, port }: Address, auth: Auth = { method: 'trust' }): Promise<boolean> {
  const { user, env } =
    auth.method === 'trust' ? { user: 'postgres', env: {} } : { user: auth.user, env: { PGPASSWORD: auth.password } };
  const args = ['-X', '-q', '-A', '-t', '-h', host, '-p', String(port), '-U', user, '-d', 'postgres'];
  return run({ program: join(bin, 'psql'), args: [...args, '-c', 'SELECT 1'], env, msMax: askMsMax }).then(
    (output) => output.trim() === '1',
    () => false,
  );
}
