import type { LogLevel } from '@multigres/core';
import type { Section } from '../section.ts';
import { choice, fixed } from '../setting.ts';

/** `[log]`: what is told on standard error. */
export interface LogSection {
  readonly level?: LogLevel;
  /** text for people, json for machines; by default text on a terminal. */
  readonly format?: 'json' | 'text';
}

export const logSection: Section<LogSection> = {
  level: choice('debug', 'info', 'warn', 'error'),
  format: fixed(choice('json', 'text')),
};
