import type { Section } from '../section.ts';
import { bytes, count, fixed } from '../setting.ts';

/** `[limits]`: how much a gateway takes. */
export interface LimitsSection {
  readonly sessionsMax?: number;
  /** Sessions of each user or in each database, where its own section says nothing. */
  readonly userSessionsMax?: number;
  readonly databaseSessionsMax?: number;
  /** Longer messages are passed on as they come, without being looked at whole. */
  readonly wholeMessageBytesMax?: number;
  /** Distinct prepared statements that are remembered for being carried. */
  readonly statementsMax?: number;
  /** Sessions that wait for a leader at once, and what they have sent, together. */
  readonly bufferSessionsMax?: number;
  readonly bufferBytesMax?: number;
  /** A follower that has more log to replay than this serves no reads. */
  readonly replicaLagBytesMax?: number;
}

export const limitsSection: Section<LimitsSection> = {
  sessionsMax: count(1, 1_000_000),
  userSessionsMax: count(1, 1_000_000),
  databaseSessionsMax: count(1, 1_000_000),
  wholeMessageBytesMax: bytes('64kB', '256MB'),
  statementsMax: fixed(count(1, 1_000_000)),
  bufferSessionsMax: count(1, 1_000_000),
  bufferBytesMax: bytes('64kB', '64GB'),
  replicaLagBytesMax: bytes('8kB', '1TB'),
};
