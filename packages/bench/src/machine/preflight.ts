import { readFileSync, statfsSync } from 'node:fs';
import { diskFull, notLinux, tooFewDescriptors } from '../errors.ts';

export interface Needs {
  /** Where the data goes. */
  readonly folder: string;
  readonly diskMiB: number;
  /** That one process must be able to open. */
  readonly descriptors: number;
}

/** Throws a BenchError that says what is missing and what to do about it, before anything is started. */
export function checkMachine({ folder, diskMiB, descriptors }: Needs): void {
  if (process.platform !== 'linux') throw notLinux();
  const { bavail, bsize } = statfsSync(folder);
  const freeMiB = Math.floor((bavail * bsize) / 2 ** 20);
  if (freeMiB < diskMiB) throw diskFull(folder, diskMiB, freeMiB);
  const limit = descriptorLimit();
  if (limit < descriptors) throw tooFewDescriptors(descriptors, limit, 'the run');
}

/** How many files one of our processes may open (the soft limit; Node raises it to the hard one by itself). */
export function descriptorLimit(): number {
  const [, soft = '0'] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
