import type { Section } from '../section.ts';
import { choice, flag, text, texts } from '../setting.ts';

/** `[console]`: the admin console. */
export interface ConsoleSection {
  readonly enabled?: boolean;
  /** The database that is the console. */
  readonly database?: string;
  /** May do everything there. */
  readonly users?: readonly string[];
  /** May look. */
  readonly statsUsers?: readonly string[];
  /** From where somebody is believed who was not asked for a proof. */
  readonly trustedFrom?: 'this machine' | 'anywhere';
}

export const consoleSection: Section<ConsoleSection> = {
  enabled: flag,
  database: text,
  users: texts,
  statsUsers: texts,
  trustedFrom: choice('this machine', 'anywhere'),
};
