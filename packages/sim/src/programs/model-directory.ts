import type { RandomStream } from '../kernel/random-stream.ts';
import { DataDirectory } from '../model/postgres/storage/data-directory.ts';
import { decodeDirectory, encodeDirectory } from '../model/postgres/storage/directory-codec.ts';
import type { KeptValue } from '../world/inode.ts';

/** The file of a data directory that stands for all that the Postgres model keeps in it. */
export const controlFile = 'global/pg_control';

/** A data directory on a simulated disk. */
export class ModelDirectory implements KeptValue {
  readonly data: DataDirectory;

  constructor(data: DataDirectory) {
    this.data = data;
  }

  losePower(random: RandomStream): void {
    this.data.log.loseUnflushed((count) => (count === 0 ? 0 : random.below(count + 1)));
    this.data.forgetMemory();
  }

  copy(): ModelDirectory {
    const { data } = this;
    const { log, control } = data;
    const copied = decodeDirectory(encodeDirectory(data, log.flushedLsn, log.timeline));
    const twin = new DataDirectory({
      systemIdentifier: data.systemIdentifier,
      databases: data.databases,
      roles: data.roles,
    });
    Object.assign(twin, {
      log: copied.log,
      applied: copied.applied,
      autoConf: new Map(data.autoConf),
      usable: data.usable,
    });
    twin.control = { ...control };
    twin.slots = new Map([...data.slots].map(([name, slot]) => [name, { ...slot, activePid: undefined }]));
    return new ModelDirectory(twin);
  }
}
