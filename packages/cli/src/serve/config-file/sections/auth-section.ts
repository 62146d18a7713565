import type { Section } from '../section.ts';
import { choice, filePath } from '../setting.ts';

/** `[auth]`: how clients prove who they are. */
export interface AuthSection {
  readonly method?: 'trust' | 'scram';
  /** Passwords are checked against this file of `"role" "secret"` lines. */
  readonly usersFile?: string;
}

export const authSection: Section<AuthSection> = {
  method: choice('trust', 'scram'),
  usersFile: filePath,
};
