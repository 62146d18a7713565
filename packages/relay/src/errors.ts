import { PgError, sqlstate } from '@multigres/core';

/** The peer's bytes are no frames, or a body is shorter than what it should hold. */
export function malformedFrame(): PgError {
  return new PgError({
    sqlstate: sqlstate.protocolViolation,
    message: 'malformed frame between gateway and pooler',
    severity: 'FATAL',
  });
}
