import { PgError, sqlstate } from '@multigres/core';

/** Exit codes of every command (sysexits are too fine for people to remember). */
export const exitCode = { ok: 0, failure: 1, usage: 2, stopped: 3, interrupted: 130 } as const;

/** What a command tells its user when it cannot do what was asked: one line, and what to do about it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** Sentences: what the user can do. */
  readonly hint: string | undefined;
  /** Lines of a log that show why. */
  readonly quoted: readonly string[];
  readonly exitCode: number;

  constructor(
    message: string,
    more: {
      readonly hint?: string | undefined;
      readonly quoted?: readonly string[];
      readonly exitCode?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.hint = more.hint;
    this.quoted = more.quoted ?? [];
    this.exitCode = more.exitCode ?? exitCode.failure;
  }
}

/** The configuration was asked for by a client of the console, and cannot be used; what was in force stays. */
export function configRefused(error: CliError): PgError {
  return new PgError({
    sqlstate: sqlstate.configFileError,
    message: 'the configuration was not reloaded',
    detail: [error.message, ...error.quoted].join('\n'),
  });
}
