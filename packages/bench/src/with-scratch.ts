import { constants } from 'node:os';
import { endRunning } from './machine/run.ts';
import { Scratch } from './scratch.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs with a temporary folder and leaves nothing behind, whether the work ends, fails or is interrupted. */
export async function withScratch(work: (scratch: Scratch) => Promise<void>): Promise<void> {
  const scratch = new Scratch();
  const interrupted = (signal: NodeJS.Signals): void => {
    process.stderr.write(`${signal}: cleaning up\n`);
    endRunning();
    const leave = (): never => process.exit(128 + constants.signals[signal]);
    scratch.close().then(leave, leave);
  };
  for (const signal of signals) process.once(signal, interrupted);
  try {
    await work(scratch);
  } finally {
    await scratch.close();
    for (const signal of signals) process.off(signal, interrupted);
  }
}
