import type { Clock } from './clock.ts';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import type { Processes } from './processes.ts';
import type { Random } from './random.ts';
import type { Telemetry } from './telemetry.ts';

/** All that a component may touch. `host` gives the real one, `sim` the weather, `quiet.ts` a faultless one for unit tests. */
export interface World {
  readonly clock: Clock;
  readonly network: Network;
  readonly disk: Disk;
  readonly processes: Processes;
  readonly random: Random;
  readonly telemetry: Telemetry;
}
