import type { LogLevel } from '@multigres/core';
import type { Section } from '../section.ts';
import { choice, fixed, flag, timeout } from '../setting.ts';

/** `[log]`: what is told on standard error. */
export interface LogSection {
  readonly level?: LogLevel;
  /** text for people, json for machines; by default text on a terminal. */
  readonly format?: 'json' | 'text';
  /** Whether sessions that begin and end are logged; logins that fail always are. */
  readonly connections?: boolean;
  /** Statements that take this long are logged, without their literals; 0: none. */
  readonly slowStatement?: number;
}

export const logSection: Section<LogSection> = {
  level: choice('debug', 'info', 'warn', 'error'),
  format: fixed(choice('json', 'text')),
  connections: flag,
  slowStatement: timeout('1d'),
};
