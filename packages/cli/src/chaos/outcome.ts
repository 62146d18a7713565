import { PgError, sqlstate } from '@multigres/core';
import type { WriteOutcome } from '@multigres/history';

/** How an operation ended for its client. */
export interface Ending {
  readonly outcome: WriteOutcome;
  /** A kind of error for the statistics: an SQLSTATE with its message, or what happened to the connection. Undefined: there was none. */
  readonly error: string | undefined;
}

export const went: Ending = { outcome: 'ok', error: undefined };

/** Who says so knows that nobody knows. */
const undecided: ReadonlySet<string> = new Set([
  sqlstate.transactionResolutionUnknown,
  sqlstate.statementCompletionUnknown,
]);

/** Nobody answered within the client's patience. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/**
 * What an error means for the write that met it. The promise that is held to: an error says that nothing was written, except those that say that nobody knows; and a
 * connection that is gone says nothing.
 */
export function endingOf(error: unknown): Ending {
  if (error instanceof PgError) {
    const outcome = undecided.has(error.sqlstate) ? 'unknown' : 'failed';
    return { outcome, error: `${error.sqlstate} ${error.report.message}` };
  }
  return { outcome: 'unknown', error: error instanceof NoAnswer ? 'no answer' : 'connection lost' };
}
