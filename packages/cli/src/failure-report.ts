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
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { lines: [`multigres: internal error: ${text}`], exitCode: exitCode.failure };
}

function pgFailureReport(error: PgError): FailureReport {
  const { message, detail, hint } = error.report;
  const lines = [`multigres: ${message} (SQLSTATE ${error.sqlstate})`];
  if (detail !== undefined) lines.push(...detail.split('\n').map((line) => `  | ${line}`));
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  return { lines, exitCode: exitCode.failure };
}
