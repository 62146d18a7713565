import type { Section } from '../section.ts';
import { bytes, count } from '../setting.ts';

/** `[limits]`: how much a gateway takes. */
export interface LimitsSection {
  readonly sessionsMax?: number;
  readonly messageBytesMax?: number;
  /** Distinct prepared statements that are remembered for being carried. */
  readonly statementsMax?: number;
}

export const limitsSection: Section<LimitsSection> = {
  sessionsMax: count(1, 1_000_000),
  messageBytesMax: bytes('64kB', '1GB'),
  statementsMax: count(1, 1_000_000),
};
