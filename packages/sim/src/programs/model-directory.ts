import type { RandomStream } from '../kernel/random-stream.ts';
import { WriteAheadLog } from '../model/postgres/storage/log.ts';
import type { KeptValue } from '../world/inode.ts';

/** The file of a data directory that stands for all that the Postgres model keeps in it. */
export const controlFile = 'global/pg_control';

/** A data directory on a simulated disk. */
export class ModelDirectory implements KeptValue {
  readonly systemIdentifier: bigint;
  readonly log: WriteAheadLog = new WriteAheadLog();

  constructor(systemIdentifier: bigint) {
    this.systemIdentifier = systemIdentifier;
  }

  losePower(random: RandomStream): void {
    this.log.loseUnflushed((count) => (count === 0 ? 0 : random.below(count + 1)));
  }
}
