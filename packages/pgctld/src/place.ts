import type { World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import type { Layout } from './layout.ts';
import type { Programs } from './binaries.ts';
import type { RecordKeeper } from './server-record.ts';

/** What a deed on the data directory works with. */
export interface Place {
  readonly world: World;
  readonly config: PgctldConfig;
  readonly layout: Layout;
  readonly keeper: RecordKeeper;
  readonly programs: Programs;
}
