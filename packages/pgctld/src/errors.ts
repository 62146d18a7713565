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

/** Said in the contract of PgctldService, not there yet. */
export function notBuilt(deed: string): PgError {
  return new PgError({ sqlstate: sqlstate.featureNotSupported, message: `${deed} is not supported yet` });
}
