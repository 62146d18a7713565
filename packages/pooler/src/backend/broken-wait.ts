import type { PgReport } from '@multigres/core';
import { decodeNoticeResponse } from '@multigres/pgwire';

/** Where Postgres waits for synchronous standbys (`syncrep.c`): the source's names are not translated. */
const waitRoutine = 'SyncRepWaitForLSN';
const waitMessage = /^canceling (the )?wait for synchronous replication/;

/**
 * The warning by which Postgres tells that it has stopped waiting for standbys, because of a cancel, a termination or a shutdown. The commit is done and
 * visible on this server, and the statement succeeds: with nothing but this warning would a client learn that it may be lost. Undefined for every other notice.
 */
export function brokenWait(buffer: Uint8Array, start: number, end: number): PgReport | undefined {
  const notice = decodeNoticeResponse(buffer, start, end)?.notice;
  if (notice === undefined) return undefined;
  const isWait = notice.routine === waitRoutine || waitMessage.test(notice.message);
  return isWait ? { ...notice, severity: 'ERROR' } : undefined;
}
