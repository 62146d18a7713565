import type { Section } from '../section.ts';
import { choice, flag, text, texts, fixed } from '../setting.ts';

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
  enabled: fixed(flag),
  database: fixed(text),
  users: fixed(texts),
  statsUsers: fixed(texts),
  trustedFrom: fixed(choice('this machine', 'anywhere')),
};
