import { PgError } from '@multigres/core';
import { CliError, exitCode } from './errors.ts';

export interface FailureReport {
  /** Lines for standard error, without their ends. */
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** How a failure is told: one clear line, then detail, quoted log lines and a hint where there are any. A bug keeps its stack. */
export function failureReport(error: unknown): FailureReport {
  if (error instanceof CliError) {
    const lines = [`multigres: ${error.message}`, ...error.quoted.map((line) => `  | ${line}`)];
    if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
    return { lines, exitCode: error.exitCode };
  }
  if (error instanceof PgError) return pgFailureReport(error);
  const system = systemFailure(error);
  if (system !== undefined) return system;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { lines: [`multigres: internal error: ${text}`], exitCode: exitCode.failure };
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free space, then try again.',
  EDQUOT: 'The disk quota is used up: free space, then try again.',
  EACCES: 'Look at the owner and the permissions of that file.',
  EPERM: 'Look at the owner and the permissions of that file.',
  EROFS: 'The disk is mounted read-only: choose another folder.',
};

/** What the operating system has against a file or a program is the user's business, not a bug. */
function systemFailure(error: unknown): FailureReport | undefined {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const remedy = remedies[code ?? ''];
  if (!(error instanceof Error) || syscall === undefined || remedy === undefined) return undefined;
  return { lines: [`multigres: ${error.message}`, `hint: ${remedy}`], exitCode: exitCode.failure };
}

function pgFailureReport(error: PgError): FailureReport {
  const { message, detail, hint } = error.report;
  const lines = [`multigres: ${message} (SQLSTATE ${error.sqlstate})`];
  if (detail !== undefined) lines.push(...detail.split('\n').map((line) => `  | ${line}`));
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  return { lines, exitCode: exitCode.failure };
}
