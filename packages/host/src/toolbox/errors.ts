import { PgError, sqlstate } from '@multigres/core';

/** A server program is neither on this machine nor could it be fetched. */
export function toolUnavailable(name: string, reason: string, cause?: unknown): PgError {
  return new PgError(
    {
      sqlstate: sqlstate.systemError,
      message: `${name} is not on this machine and could not be fetched`,
      detail: reason,
      hint: `Install ${name} so that it is found on PATH, or make a Debian archive reachable.`,
    },
    cause,
  );
}
