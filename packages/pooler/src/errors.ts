import { PgError, sqlstate, type PgReport } from '@multigres/core';
import type { Ballot } from '@multigres/rpc';

/** Nobody answers at Postgres's address. */
export function postgresUnreachable(endpoint: string, cause: unknown): PgError {
  return new PgError(
    {
      severity: 'FATAL',
      sqlstate: sqlstate.cannotConnectNow,
      message: 'the database server is not reachable',
      detail: `The pooler could not connect to ${endpoint}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: 'Check that Postgres is running and accepts connections there, then try again.',
    },
    cause,
  );
}

/** This member does not serve what it is asked for now. The gateway takes it elsewhere; clients hear of it only if there is no elsewhere in time. */
export function notTheLeader(reason: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.notTheLeader,
    message: 'not the leader',
    detail: `The pooler does not serve this now: ${reason}.`,
    fate: 'notApplied',
  });
}

/** Postgres is there, but will not or can not speak TLS as we want it. */
export function tlsFailed(endpoint: string, cause: Error): PgError {
  return new PgError(
    {
      severity: 'FATAL',
      sqlstate: sqlstate.sqlclientUnableToEstablishSqlconnection,
      message: 'the database server can not be reached over TLS',
      detail: `The pooler tried it with ${endpoint}: ${cause.message}.`,
      hint: "Check the certificate of Postgres, and the pooler's settings of TLS towards it.",
    },
    cause,
  );
}

export function loginTimedOut(endpoint: string, ms: number): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.cannotConnectNow,
    message: 'the database server did not finish the login in time',
    detail: `The pooler waited ${ms} ms for ${endpoint}.`,
  });
}

/** Postgres closed the connection during the login without saying why. */
export function loginCutOff(endpoint: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.cannotConnectNow,
    message: 'the database server closed the connection during login',
    detail: `The pooler was logging in at ${endpoint}.`,
  });
}

export function malformedLogin(endpoint: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.protocolViolation,
    message: 'the server behind the pooler does not speak the PostgreSQL protocol',
    detail: `The pooler was logging in at ${endpoint}.`,
  });
}

/** What Postgres itself said when it refused a login, unchanged but for what the client must know: its session ends. */
export function loginRefused(error: PgError): PgError {
  return new PgError({ ...error.report, severity: 'FATAL' }, error);
}

export function adminQueryFailed(report: PgReport): PgError {
  return new PgError({ ...report, message: `the pooler's own query failed: ${report.message}` });
}

export function adminTimedOut(ms: number): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.cannotConnectNow,
    message: 'the database server did not answer in time',
    detail: `The pooler waited ${ms} ms for an answer to a query of its own.`,
  });
}

/** Many clients with different names log in at once, and Postgres answers slowly. */
export function tooManyQuestions(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.tooManyConnections,
    message: 'too many passwords are being looked up',
    hint: 'Try again in a moment.',
  });
}

/** Postgres asks for a password and the session brought nothing that could answer. */
export function noCredentials(user: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.invalidPassword,
    message: `the database server asks for a password for user "${user}", and the pooler has none`,
    hint: 'Let clients authenticate with SCRAM-SHA-256 (--auth scram), whose keys are passed through, or let Postgres trust the pooler.',
  });
}

/** `trouble`: why no backend could be started, if that is what it was. */
export function waitTooLong(ms: number, trouble: PgError | undefined): PgError {
  const detail = `The statement waited ${ms} ms in the pooler and was not executed.`;
  if (trouble !== undefined) {
    return new PgError({
      sqlstate: trouble.sqlstate,
      message: trouble.message,
      detail: `${detail} ${trouble.report.detail ?? ''}`.trim(),
    });
  }
  return new PgError({
    sqlstate: sqlstate.tooManyConnections,
    message: 'no backend became free in time',
    detail,
    hint: 'Raise the pool size, shorten transactions, or find sessions that keep a backend (pinned or idle in transaction).',
  });
}

/** All backends are in use by other users or databases, and a new session needs one to log in. */
export function noRoom(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.tooManyConnections,
    message: 'remaining backends are in use by other pools',
    hint: 'Raise the limit of backends, or try again when one is free.',
  });
}

export function tooManyWaiters(count: number): PgError {
  return new PgError({
    sqlstate: sqlstate.tooManyConnections,
    message: 'too many sessions wait for a backend',
    detail: `${count} sessions are waiting already; the statement was not executed.`,
  });
}

/** Postgres's words for a role's CONNECTION LIMIT (`miscinit.c`); that it is the pooler's is for whoever may raise it. */
export function tooManySessionsForUser(user: string, limit: number): PgError {
  return tooManySessionsFor(`role "${user}"`, limit, `users."${user}".sessions_max`);
}

/** `postinit.c`, as above. */
export function tooManySessionsForDatabase(database: string, limit: number): PgError {
  return tooManySessionsFor(`database "${database}"`, limit, `databases."${database}".sessions_max`);
}

function tooManySessionsFor(what: string, limit: number, setting: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.tooManyConnections,
    message: `too many connections for ${what}`,
    detail: `The pooler has a limit of ${limit} (${setting}, or the one for all).`,
  });
}

/** Who came before waits too long already. */
export function lineTooSlow(oldestMs: number): PgError {
  return new PgError({
    sqlstate: sqlstate.tooManyConnections,
    message: 'statements wait too long for a backend',
    detail: `The first in line has waited for ${Math.round(oldestMs)} ms; the statement was not executed.`,
    hint: 'Try again later.',
  });
}

export function tooManySessions(count: number): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.tooManyConnections,
    message: 'sorry, too many clients already',
    detail: `The pooler serves ${count} sessions, which is its limit.`,
  });
}

/** A cancel arrived while the statement was still waiting in the pooler. */
export function canceledWhileWaiting(): PgError {
  return new PgError({ sqlstate: sqlstate.queryCanceled, message: 'canceling statement due to user request' });
}

/** The backend is gone, and the statement that ran there had no effect: it only read, or its transaction is rolled back. */
export function backendLostHarmlessly(cause: PgReport | undefined): PgError {
  return new PgError({
    sqlstate: cause?.sqlstate ?? sqlstate.connectionFailure,
    message: 'the backend that ran the statement was lost; it had no effect',
    detail: causeDetail(cause),
    hint: 'The statement can be tried again.',
  });
}

/** The backend is gone, and it cannot be known whether the statement committed. */
export function backendLostOutcomeUnknown(cause: PgReport | undefined): PgError {
  return new PgError({
    sqlstate: sqlstate.transactionResolutionUnknown,
    message: 'the backend was lost while it ran the statement; whether the statement took effect is unknown',
    detail: causeDetail(cause),
    hint: 'Check whether the change is there before you try again.',
    fate: 'unknown',
  });
}

/** The backend is gone with the session's transaction or state: the session cannot go on as if nothing had happened. */
export function sessionLost(cause: PgReport | undefined, unknown: boolean): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: unknown ? sqlstate.transactionResolutionUnknown : (cause?.sqlstate ?? sqlstate.connectionFailure),
    message: cause?.message ?? 'the backend of this session was lost',
    detail: unknown
      ? 'A statement was running; whether it took effect is unknown.'
      : 'The open transaction is rolled back, and the state that the session kept on the backend is gone.',
    hint: 'Connect again.',
    fate: unknown ? 'unknown' : 'notApplied',
  });
}

/**
 * Timeouts by which Postgres ends a session, set by the session itself or by its role: what a client hears that has no pooler in between. Postgres
 * has rolled its transaction back, or there was none.
 */
const sessionTimeouts: ReadonlySet<string> = new Set([
  sqlstate.idleInTransactionSessionTimeout,
  sqlstate.transactionTimeout,
  sqlstate.idleSessionTimeout,
]);

/** Postgres's own word, if it ended the backend because the session on it took too long. */
export function endedByTimeout(fatal: PgReport | undefined): PgError | undefined {
  return fatal !== undefined && sessionTimeouts.has(fatal.sqlstate) ? new PgError(fatal) : undefined;
}

/** Postgres refuses on this backend what the session has set on another: the setting has become invalid meanwhile. */
export function settingsNotRestored(cause: PgReport): PgError {
  return new PgError({
    sqlstate: cause.sqlstate,
    message: `could not restore the settings of the session: ${cause.message}`,
    detail: 'The statement was not executed.',
    hint: 'RESET the setting, or connect again.',
  });
}

export function poolerStops(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.adminShutdown,
    message: 'terminating connection due to administrator command',
    detail: 'The pooler is shutting down.',
  });
}

/** An operator has ended the sessions of a database, or all. */
export function killed(database: string | undefined): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.adminShutdown,
    message: 'terminating connection due to administrator command',
    detail: database === undefined ? 'All sessions were ended.' : `All sessions in database "${database}" were ended.`,
  });
}

/** An operator names a database that the pooler has served nobody in. */
export function noSuchDatabase(database: string): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidCatalogName,
    message: `database "${database}" is not served here`,
  });
}

/** RESUME without PAUSE. */
export function notPaused(database: string | undefined): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: database === undefined ? 'nothing is paused' : `database "${database}" is not paused`,
  });
}

/** RESUME came before everything had stopped. */
export function pauseEnded(): PgError {
  return new PgError({
    sqlstate: sqlstate.queryCanceled,
    message: 'PAUSE was ended by RESUME before all transactions had finished',
  });
}

export function noVerifierLookup(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.featureNotSupported,
    message: 'this pooler cannot look up passwords',
    hint: 'Start it with --admin-user, a role that may read pg_authid, or give the gateway an --auth-file.',
  });
}

export function viewNotKnown(name: string): PgError {
  return new PgError({ sqlstate: sqlstate.featureNotSupported, message: `this pooler has no view "${name}"` });
}

export function commandNotKnown(verb: string): PgError {
  return new PgError({ sqlstate: sqlstate.featureNotSupported, message: `this pooler cannot ${verb}` });
}

/** Gateway and pooler do not understand each other: different versions, or a bug. */
export function malformedRelay(what: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.protocolViolation,
    message: `malformed frame from the gateway: ${what}`,
  });
}

function causeDetail(cause: PgReport | undefined): string {
  return cause === undefined ? 'Its connection was closed.' : `Postgres said: ${cause.message}.`;
}

// --- the member ---

/** A ballot as people and logs read it. */
export function formatBallot(ballot: Ballot | undefined): string {
  if (ballot === undefined) return 'none';
  return `${ballot.term} ${ballot.coordinator?.cell ?? ''}/${ballot.coordinator?.name ?? ''} ${ballot.nonce}`;
}

/** MG003: somebody was faster with a higher ballot. `detail` is the promise, as `formatBallot` writes it. */
export function belowPromise(promise: Ballot | undefined): PgError {
  return new PgError({
    sqlstate: sqlstate.ballotBelowPromise,
    message: 'the ballot is below what this member has promised',
    detail: formatBallot(promise),
    hint: 'Observe the shard again, and take a higher ballot if something is still to be done.',
  });
}

/** MG003: a delayed duplicate. What was promised under this ballot has been used since: the member takes part again. */
export function ballotUsed(promise: Ballot | undefined): PgError {
  return new PgError({
    sqlstate: sqlstate.ballotBelowPromise,
    message: 'the member takes part under this ballot already',
    detail: formatBallot(promise),
    hint: 'To change it, take a higher ballot.',
  });
}

/** MG004. */
export function ruleHasChanged(what: string): PgError {
  return new PgError({ sqlstate: sqlstate.ruleChanged, message: 'the rule has changed', detail: what });
}

/** 55000: the member is not in a state in which it could do this. */
export function memberNotReady(why: string, hint?: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: `the member can not do that now: ${why}`,
    ...(hint !== undefined && { hint }),
  });
}

/** 55006: one deed at a time. */
export function memberBusy(deed: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectInUse,
    message: `the member is busy: ${deed}`,
    hint: 'Try again later.',
  });
}

/** 57014: a call with a higher ballot came while this was under way. What it did so far stays. */
export function overtaken(promise: Ballot | undefined): PgError {
  return new PgError({
    sqlstate: sqlstate.queryCanceled,
    message: 'a call with a higher ballot came first',
    detail: formatBallot(promise),
    fate: 'unknown',
  });
}

/** 55000: the data directory is not the one that the promises were made for. */
export function foreignPromise(path: string, incarnation: string): PgError {
  return new PgError({
    sqlstate: sqlstate.objectNotInPrerequisiteState,
    message: 'what this data directory has promised is not known',
    detail: `"${path}" does not know the incarnation "${incarnation}".`,
    hint: 'Clone it anew (rejoin with clone), which makes another member of it; or put the file back that belongs to it.',
  });
}

/** 58030: nothing of it may be answered. */
export function promiseNotKept(path: string, cause: Error): PgError {
  return new PgError(
    { sqlstate: sqlstate.ioError, message: `could not keep promises in "${path}": ${cause.message}` },
    cause,
  );
}

export function malformedPromise(path: string, cause: unknown): PgError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PgError(
    {
      sqlstate: sqlstate.configFileError,
      message: `"${path}" is no file of promises: ${why}`,
      hint: 'Do not remove it: clone the member anew.',
    },
    cause,
  );
}

/** 57014: what should have come about did not in time. */
export function waitedTooLong(what: string, ms: number): PgError {
  return new PgError({
    sqlstate: sqlstate.queryCanceled,
    message: `${what} did not come about within ${ms} ms`,
    fate: 'unknown',
  });
}

/** 55P03: transactions went on for longer than the switchover wants to wait. */
export function drainTooSlow(ms: number, open: number): PgError {
  return new PgError({
    sqlstate: sqlstate.lockNotAvailable,
    message: `${open} transactions did not end within ${ms} ms`,
    detail: 'The leader goes on.',
    hint: 'End long transactions, or give them more time.',
  });
}

/** XX000: a row of multigres.rule that nobody can read. */
export function malformedRule(what: string): PgError {
  return new PgError({ sqlstate: sqlstate.internalError, message: `malformed row in multigres.rule: ${what}` });
}

/** What PostgreSQL says, of a statement that the client prepared before DDL changed what it answers (RevalidateCachedQuery in plancache.c). */
export function resultChanged(): PgError {
  return new PgError({
    sqlstate: sqlstate.featureNotSupported,
    message: 'cached plan must not change result type',
    file: 'plancache.c',
    routine: 'RevalidateCachedQuery',
  });
}

/** 08007: Postgres gave up waiting for the quorum; the commit is there, and may still be lost. */
export function commitInDoubt(report: PgReport): PgError {
  return new PgError({
    sqlstate: sqlstate.transactionResolutionUnknown,
    message: 'whether the transaction is durable is unknown: waiting for its quorum was broken off',
    detail: `Postgres said: ${report.message}.`,
    hint: 'Check whether the change is there before you try again.',
    fate: 'unknown',
  });
}

/** 42501: the shard promises that what is acknowledged is on a quorum's disks. */
export function durabilityKept(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.insufficientPrivilege,
    message: 'synchronous_commit may not be lowered in this shard',
    hint: 'Leave it out of the startup settings.',
  });
}
