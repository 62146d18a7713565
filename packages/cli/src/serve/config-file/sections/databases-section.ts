import type { Section } from '../section.ts';
import { count, text } from '../setting.ts';

/** `[databases.NAME]`: one database, by the name that clients use. */
export interface DatabaseSection {
  /** What it is called in Postgres, if not the same. */
  readonly database?: string;
  /** The sessions of all users in it. */
  readonly sessionsMax?: number;
  /** Backends in all pools of it. */
  readonly backendsMax?: number;
}

export const databaseSection: Section<DatabaseSection> = {
  database: text,
  sessionsMax: count(0, 1_000_000),
  backendsMax: count(1, 100_000),
};
