import { sqlstate } from '@multigres/core';
import { backendTag, int32At, peekSqlstate, textAt } from '@multigres/pgwire';

/** Where a message stands in a buffer. */
export interface MessagePlace {
  readonly start: number;
  readonly end: number;
}

/** The ErrorResponse with which Postgres answers a cancel (57014), among the whole messages in [start, end). */
export function cancelledError(buffer: Uint8Array, start: number, end: number): MessagePlace | undefined {
  let at = start;
  while (at + 5 <= end) {
    const next = at + 1 + int32At(buffer, at + 1);
    if (next > end) return undefined;
    if (buffer[at] === backendTag.errorResponse && isCancelled(buffer, at, next)) return { start: at, end: next };
    at = next;
  }
  return undefined;
}

function isCancelled(buffer: Uint8Array, start: number, end: number): boolean {
  const code = peekSqlstate(buffer, start, end);
  return code >= 0 && textAt(buffer, code, code + 5) === sqlstate.queryCanceled;
}
