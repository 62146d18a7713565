import type { Section } from '../section.ts';
import { count } from '../setting.ts';

/** `[users.NAME]`: what one user may have at the same time. */
export interface UserSection {
  /** Its sessions, in all databases. */
  readonly sessionsMax?: number;
  /** Its backends, in all pools. */
  readonly backendsMax?: number;
}

export const userSection: Section<UserSection> = {
  sessionsMax: count(0, 1_000_000),
  backendsMax: count(1, 100_000),
};
