import type { Section } from '../section.ts';
import { count, timeout } from '../setting.ts';

/** `[pool]`: how many backends there are, and who shares them. */
export interface PoolSection {
  /** Backends of one user in one database with the same startup settings. */
  readonly size?: number;
  /** Backends in all; stay below `max_connections`. */
  readonly backendsMax?: number;
  /** Backends of each user or in each database, where its own section says nothing. */
  readonly userBackendsMax?: number;
  readonly databaseBackendsMax?: number;
  /** Backends that each pool keeps once somebody has used it. */
  readonly warm?: number;
  /** A statement that only reads and usually takes longer has a backend to itself; 0: all share alike. */
  readonly slowStatement?: number;
}

export const poolSection: Section<PoolSection> = {
  size: count(1, 10_000),
  backendsMax: count(1, 100_000),
  userBackendsMax: count(1, 100_000),
  databaseBackendsMax: count(1, 100_000),
  warm: count(0, 10_000),
  slowStatement: timeout('1h'),
};
