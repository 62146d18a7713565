import type { RandomStream } from '../kernel/random-stream.ts';
import { WriteAheadLog } from '../model/postgres/storage/log.ts';
import type { KeptValue } from '../world/inode.ts';

/** The file of a data directory that stands for all that the Postgres model keeps in it. */
export const controlFile = 'global/pg_control';

/** A data directory on a simulated disk. */
export class ModelDirectory implements KeptValue {
  readonly systemIdentifier: bigint;
  readonly log: WriteAheadLog;

  constructor(systemIdentifier: bigint, log: WriteAheadLog = new WriteAheadLog()) {
    this.systemIdentifier = systemIdentifier;
    this.log = log;
  }

  copy(): ModelDirectory {
    return new ModelDirectory(this.systemIdentifier, this.log);
  }

  losePower(random: RandomStream): void {
    this.log.loseUnflushed((count) => (count === 0 ? 0 : random.below(count + 1)));
  }
}
