import type { RandomStream } from '../kernel/random-stream.ts';
import { DataDirectory } from '../model/postgres/storage/data-directory.ts';
import type { KeptValue } from '../world/inode.ts';

/** The file of a data directory that stands for all that the Postgres model keeps in it. */
export const controlFile = 'global/pg_control';

/** A data directory on a simulated disk. */
export class ModelDirectory implements KeptValue {
  readonly systemIdentifier: bigint;
  readonly data: DataDirectory;

  constructor(systemIdentifier: bigint, data: DataDirectory = new DataDirectory({ systemIdentifier })) {
    this.systemIdentifier = systemIdentifier;
    this.data = data;
  }

  copy(): ModelDirectory {
    return new ModelDirectory(this.systemIdentifier, this.data);
  }

  losePower(random: RandomStream): void {
    this.data.log.loseUnflushed((count) => (count === 0 ? 0 : random.below(count + 1)));
  }
}
