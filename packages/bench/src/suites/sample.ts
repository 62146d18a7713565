import type { PgbenchResult } from '../load/pgbench.ts';
import type { CpuUse } from '../machine/usage-meter.ts';
import type { PeerId } from '../peers/peer.ts';
import type { Load } from './proxy-plan.ts';

/** One run of one peer. */
export interface Sample extends Load, PgbenchResult {
  readonly peer: PeerId;
  readonly round: number;
  readonly cpu: CpuUse;
}
