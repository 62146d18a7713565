import { PgError, sqlstate } from '@multigres/core';

/** Another request works against this one; nothing was changed. */
export function busy(what: string, with_: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `cannot ${what} while Postgres is being ${with_}`,
    hint: 'Try again when the other operation has ended.',
  });
}

/** A stop was asked for while this request waited for Postgres to run. */
export function overtaken(what: string): PgError {
  return new PgError({
    sqlstate: sqlstate.adminShutdown,
    message: `${what} was given up because Postgres is being stopped`,
    fate: 'unknown',
  });
}

export function notInitialized(dataDirectory: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `data directory "${dataDirectory}" does not exist`,
    hint: 'Initialize it first.',
  });
}

export function notRunning(): PgError {
  return new PgError({ sqlstate: sqlstate.objectNotInPrerequisiteState, message: 'Postgres is not running' });
}

/** There is something in the way that is not a data directory; it is never touched. */
export function foreignDirectory(dataDirectory: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `directory "${dataDirectory}" is not empty and is not a data directory of Postgres`,
    hint: 'Move it out of the way, or choose another directory.',
  });
}

export function unsupportedVersion(text: string, oldest: number, newest: number): PgError {
  return new PgError({
    sqlstate: sqlstate.featureNotSupported,
    message: `PostgreSQL version ${text} is not supported`,
    hint: `Use PostgreSQL ${oldest} to ${newest}.`,
  });
}

/** Another data directory stands where ours was: lost and restored, or somebody else's. Its promises would be another's. */
export function strangeData(dataDirectory: string, why: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `data directory "${dataDirectory}" is not the one that this pgctld has made`,
    detail: why,
    hint: 'Move it out of the way: the member is then cloned anew. Data that a backup has brought back must not pass for what was there.',
  });
}

export function malformedIncarnation(text: string): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: `invalid incarnation "${text}"`,
    hint: 'An incarnation has 16 hexadecimal digits.',
  });
}

/** What pgctld remembers of the server is damaged; guessing could let a data directory pass for another one. */
export function malformedRecord(path: string): PgError {
  return new PgError({
    sqlstate: sqlstate.ioError,
    message: `file "${path}" is not what pgctld has written`,
    hint: 'Move it and the data directory out of the way.',
  });
}

/** The files were made by one major version, the programs are of another (PostgreSQL documentation, "Upgrading a PostgreSQL Cluster"). */
export function versionMismatch(dataDirectory: string, dataMajor: number, binaryMajor: number): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `data directory "${dataDirectory}" was made by PostgreSQL ${dataMajor}, which PostgreSQL ${binaryMajor} cannot read`,
    hint: `Use the programs of PostgreSQL ${dataMajor}, or upgrade the data with pg_upgrade.`,
  });
}

/** The programs are not there, or do not run on this machine. */
export function programUnusable(program: string, why: string, cause?: unknown): PgError {
  return new PgError(
    {
      sqlstate: sqlstate.systemError,
      message: `cannot run "${program}"`,
      detail: why,
      hint: 'Check the directory of the Postgres programs and that the user who runs Postgres may reach it.',
    },
    cause,
  );
}

export function initFailed(detail: string): PgError {
  const full = detail.includes('No space left on device');
  return new PgError({
    sqlstate: full ? sqlstate.diskFull : sqlstate.systemError,
    message: full ? 'cannot initialize a data directory: the disk is full' : 'initdb failed',
    detail,
  });
}

/** Its hint says what is left to be done. */
export function brokenData(dataDirectory: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `data directory "${dataDirectory}" is not complete: rewinding or replacing it was interrupted`,
    hint: 'Clone it from a running server.',
  });
}

/** A deed needs the data directory for itself. */
export function mustBeStopped(what: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `cannot ${what} while Postgres is running`,
    hint: 'Stop it first.',
  });
}

export function noReplicationPassword(): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: 'pgctld has no password for the replication user',
    hint: 'Give it one in its configuration, the same for all members of the shard.',
  });
}

export function malformedSource(): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: 'the source must be given as a host and a port',
  });
}

/** Nothing was changed. */
export function cloneFailed(detail: string): PgError {
  const full = detail.includes('No space left on device');
  return new PgError({
    sqlstate: full ? sqlstate.diskFull : sqlstate.systemError,
    message: full ? 'cannot clone: the disk is full' : 'pg_basebackup failed',
    detail,
    ...(full ? { hint: 'The old data directory is kept until the copy is complete: both must fit.' } : {}),
  });
}

/** The copy was thrown away, what was there before is as it was. */
export function foreignSource(theirs: bigint, ours: bigint): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: 'cannot clone from a server of another cluster',
    detail: `Its system identifier is ${theirs}, ours is ${ours}.`,
  });
}

export function sourceOfOtherMajor(theirs: string, ours: number): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `cannot clone from PostgreSQL ${theirs} with the programs of PostgreSQL ${ours}`,
    hint: 'All members of a shard run the same major version.',
  });
}

/** pg_rewind gave up before it changed anything. */
export function rewindRefused(detail: string): PgError {
  return new PgError({
    sqlstate: sqlstate.systemError,
    message: 'pg_rewind failed and has changed nothing',
    detail,
  });
}

/** It had begun: the data directory is neither the old nor the new one. */
export function rewindFailed(detail: string): PgError {
  return new PgError({
    sqlstate: sqlstate.systemError,
    message: 'pg_rewind failed half-way',
    detail,
    hint: 'The data directory is only good to be cloned anew.',
    fate: 'applied',
  });
}

/** Our own files could not be read or written. */
export function diskTrouble(doing: string, cause: Error, full: boolean): PgError {
  return new PgError(
    {
      sqlstate: full ? sqlstate.diskFull : sqlstate.ioError,
      message: full ? `cannot ${doing}: the disk is full` : `cannot ${doing}`,
      detail: cause.message,
    },
    cause,
  );
}

/** Postgres may still come up: nothing was done to it. */
export function startTimeout(waitedMs: number, logTail: string): PgError {
  return new PgError({
    sqlstate: sqlstate.cannotConnectNow,
    message: `Postgres does not accept connections after ${waitedMs} ms and is still starting`,
    ...(logTail === '' ? {} : { detail: logTail }),
    hint: 'Crash recovery may take long. Ask for the status later.',
    fate: 'unknown',
  });
}

/** It was told, and may still end recovery. */
export function promoteTimeout(waitedMs: number): PgError {
  return new PgError({
    sqlstate: sqlstate.cannotConnectNow,
    message: `Postgres has not ended recovery after ${waitedMs} ms`,
    hint: 'It replays what it has before it becomes a primary. Ask for the status later.',
    fate: 'unknown',
  });
}

export function stopTimeout(pid: number): PgError {
  return new PgError({
    sqlstate: sqlstate.systemError,
    message: `process ${pid} of Postgres is still there after SIGKILL`,
    hint: 'It waits inside the operating system, often for a disk.',
    fate: 'unknown',
  });
}

/** Two pgctlds on one directory. */
export function directoryLocked(directory: string, pid: number): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    severity: 'FATAL',
    message: `directory "${directory}" is in use by another pgctld (process ${pid})`,
    hint: 'Stop that process first.',
  });
}

/** What is known about a start that failed. */
export interface StartTrouble {
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
  /** Lines of the server's log that show it. */
  readonly detail: string;
}

export function startFailed(trouble: StartTrouble): PgError {
  return new PgError({
    sqlstate: trouble.sqlstate,
    message: trouble.message,
    ...(trouble.detail === '' ? {} : { detail: trouble.detail }),
    ...(trouble.hint === undefined ? {} : { hint: trouble.hint }),
  });
}

/** The queue of requests is full. */
export function tooManyRequests(): PgError {
  return new PgError({ sqlstate: sqlstate.insufficientResources, message: 'too many requests wait for pgctld' });
}

/** pgctld itself is ending. */
export function shuttingDown(): PgError {
  return new PgError({ sqlstate: sqlstate.adminShutdown, message: 'pgctld is shutting down', fate: 'unknown' });
}
