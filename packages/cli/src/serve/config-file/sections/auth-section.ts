import type { Section } from '../section.ts';
import { choice, filePath, fixed, texts, timeout } from '../setting.ts';

/** `[auth]`: how clients prove who they are. */
export interface AuthSection {
  readonly method?: 'trust' | 'scram';
  /** Passwords are checked against this file of `"role" "secret"` lines. */
  readonly usersFile?: string;
  /** Rules as lines of a `pg_hba.conf`, in place of a method for everybody. */
  readonly hba?: readonly string[];
  readonly hbaFile?: string;
  /** How long a looked-up verifier is used without asking Postgres again. */
  readonly verifierCache?: number;
}

export const authSection: Section<AuthSection> = {
  method: choice('trust', 'scram'),
  usersFile: filePath,
  hba: texts,
  hbaFile: filePath,
  verifierCache: fixed(timeout('1h')),
};
