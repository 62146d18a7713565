import { join } from 'node:path';
import { run } from '../machine/run.ts';
import type { Address } from './peer.ts';

const askMsMax = 10_000;

/** Whether a statement gets all the way to Postgres and back. */
export function answers(bin: string, { host, port }: Address): Promise<boolean> {
  const args = ['-X', '-q', '-A', '-t', '-h', host, '-p', String(port), '-U', 'postgres', '-d', 'postgres'];
  return run({ program: join(bin, 'psql'), args: [...args, '-c', 'SELECT 1'], msMax: askMsMax }).then(
    (output) => output.trim() === '1',
    () => false,
  );
}
