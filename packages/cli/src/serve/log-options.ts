import type { LogLevel } from '@multigres/core';
import type { LogOptions } from '@multigres/host';
import { Option, type Command } from 'commander';

export interface LogFlags {
  readonly logLevel: LogLevel;
  readonly logFormat?: 'json' | 'text';
}

export function addLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--log-level <level>', 'least important lines to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'text for people, json for machines (default: text on a terminal)').choices([
        'json',
        'text',
      ]),
    );
}

export function logOptions(flags: LogFlags): LogOptions {
  return { level: flags.logLevel, ...(flags.logFormat && { format: flags.logFormat }) };
}

/** The same options as arguments, for a child process. */
export function logArguments(flags: LogFlags): string[] {
  return ['--log-level', flags.logLevel, ...(flags.logFormat ? ['--log-format', flags.logFormat] : [])];
}
