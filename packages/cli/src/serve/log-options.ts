import type { LogLevel } from '@multigres/core';
import type { LogOptions } from '@multigres/host';
import { Option, type Command } from 'commander';
import type { LogSection } from './config-file/sections/log-section.ts';

export interface LogFlags {
  readonly logLevel?: LogLevel;
  readonly logFormat?: 'json' | 'text';
}

export function addLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--log-level <level>', 'least important lines to log (default: info)').choices([
        'debug',
        'info',
        'warn',
        'error',
      ]),
    )
    .addOption(
      new Option('--log-format <format>', 'text for people, json for machines (default: text on a terminal)').choices([
        'json',
        'text',
      ]),
    );
}

export function logOptions({ level, format }: LogSection): LogOptions {
  return { level: level ?? 'info', ...(format && { format }) };
}

/** The same options as arguments, for a child process. */
export function logArguments(flags: LogFlags): string[] {
  return [
    ...(flags.logLevel ? ['--log-level', flags.logLevel] : []),
    ...(flags.logFormat ? ['--log-format', flags.logFormat] : []),
  ];
}
