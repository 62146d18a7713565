import { BenchError } from '../errors.ts';
import { Writer } from './writer.ts';

const msMax = 20_000;

/** Runs one statement on a connection of its own. */
export function askOnce(port: number, statement: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error: BenchError | undefined): void => {
      clearTimeout(timer);
      writer.stop();
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => end(new BenchError(`no answer to: ${statement}`)), msMax);
    const writer = new Writer(
      {
        acknowledged: () => end(undefined),
        failed: (kind) => end(new BenchError(`${kind}: ${statement}`)),
        reconnected: () => {},
      },
      port,
      statement,
    );
  });
}
