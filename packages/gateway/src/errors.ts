import { PgError, sqlstate, type Sqlstate } from '@multigres/core';
import type { HbaClient } from './auth/hba/match-hba.ts';

export function tooManyClients(count: number): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.tooManyConnections,
    message: 'sorry, too many clients already',
    detail: `The gateway serves ${count} sessions, which is its limit.`,
  });
}

export function loginTimeout(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.queryCanceled,
    message: 'canceling authentication due to timeout',
  });
}

export function gatewayStops(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.adminShutdown,
    message: 'terminating connection due to administrator command',
    detail: 'The gateway is shutting down.',
  });
}

export function statementTimeout(): PgError {
  return new PgError({ sqlstate: sqlstate.queryCanceled, message: 'canceling statement due to statement timeout' });
}

export function idleSessionTimeout(): PgError {
  return terminated(sqlstate.idleSessionTimeout, 'idle-session timeout');
}

export function idleInTransactionTimeout(): PgError {
  return terminated(sqlstate.idleInTransactionSessionTimeout, 'idle-in-transaction timeout');
}

export function transactionTimeout(): PgError {
  return terminated(sqlstate.transactionTimeout, 'transaction timeout');
}

function terminated(code: Sqlstate, reason: string): PgError {
  return new PgError({ severity: 'FATAL', sqlstate: code, message: `terminating connection due to ${reason}` });
}

/** What ends a login or a session whoever found it. */
export function asFatal(error: PgError): PgError {
  return new PgError({ ...error.report, severity: 'FATAL', fate: error.fate }, error);
}

/** No pooler is connected, and none came within the time to wait. Nothing was executed. */
export function poolerUnreachable(reason: string, fatal: boolean): PgError {
  return new PgError({
    severity: fatal ? 'FATAL' : 'ERROR',
    sqlstate: sqlstate.cannotConnectNow,
    message: 'the database is not reachable at the moment',
    detail: `The gateway has no connection to a pooler: ${reason}.`,
    hint: 'Try again; the gateway keeps trying to connect.',
  });
}

/** The connection to the pooler broke while the session was in the middle of something. */
export function poolerLost(answersOwed: boolean): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: answersOwed ? sqlstate.transactionResolutionUnknown : sqlstate.connectionFailure,
    message: 'the connection between gateway and pooler was lost',
    detail: answersOwed
      ? 'A statement was running; whether it took effect is unknown.'
      : 'The open transaction is rolled back, and the state that the session kept on its backend is gone.',
    hint: answersOwed ? 'Check whether the change is there before you try again.' : 'Connect again.',
    fate: answersOwed ? 'unknown' : 'notApplied',
  });
}

export function unknownMessage(tag: number): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.protocolViolation,
    message: `invalid frontend message type ${tag}`,
  });
}

export function malformedMessage(): PgError {
  return new PgError({ severity: 'FATAL', sqlstate: sqlstate.protocolViolation, message: 'invalid message format' });
}

export function malformedLength(): PgError {
  return new PgError({ severity: 'FATAL', sqlstate: sqlstate.protocolViolation, message: 'invalid message length' });
}

/** currval() and lastval() outside the transaction of their nextval(), in a session that has no backend of its own. */
export function sequenceStateNotCarried(): PgError {
  return new PgError({
    sqlstate: sqlstate.featureNotSupported,
    message: 'currval() and lastval() are only supported in the transaction that called nextval()',
    detail:
      'The session does not keep its backend between transactions, so the answer could be that of another session.',
    hint: 'Use INSERT ... RETURNING, or put both statements into one transaction.',
  });
}

/** PostgreSQL's own words (`auth.c`, ClientAuthentication and ImplicitReject), which people look for; only whose rules it were is ours to say. */
export function noHbaEntry(host: string, client: HbaClient): PgError {
  return refusedByRules('no pg_hba.conf entry for', host, client);
}

export function hbaRejects(host: string, client: HbaClient): PgError {
  return refusedByRules('pg_hba.conf rejects', host, client);
}

function refusedByRules(verdict: string, host: string, client: HbaClient): PgError {
  const { user, database, replication, encrypted } = client;
  const how = encrypted ? 'SSL encryption' : 'no encryption';
  const rejects = verdict.endsWith('rejects');
  const who =
    replication === 'physical'
      ? `${rejects ? 'replication connection for' : 'replication connection from'} host "${host}", user "${user}"`
      : `${rejects ? 'connection for ' : ''}host "${host}", user "${user}", database "${database}"`;
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.invalidAuthorizationSpecification,
    message: `${verdict} ${who}, ${how}`,
    detail: 'The rules of the gateway were asked, not those of the server.',
  });
}

/** PostgreSQL's InitializeSessionUserId. */
export function roleMayNotLogIn(user: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.invalidAuthorizationSpecification,
    message: `role "${user}" is not permitted to log in`,
  });
}

export function certificateRequired(problem: string | undefined): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.invalidAuthorizationSpecification,
    message: 'connection requires a valid client certificate',
    ...(problem !== undefined && { detail: `The certificate of the client is not trusted: ${problem}.` }),
  });
}

export function certificateNotOfUser(user: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.invalidAuthorizationSpecification,
    message: `certificate authentication failed for user "${user}"`,
  });
}

/** Postgres's words for a database that the user may not connect to. */
export function consoleDenied(user: string, database: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.insufficientPrivilege,
    message: `permission denied for database "${database}"`,
    detail: `User "${user}" is not among those who may use the admin console.`,
    hint: 'They are named by users and stats_users in the section [console] of the configuration.',
  });
}

export function consoleNeedsProof(user: string, database: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.invalidAuthorizationSpecification,
    message: `no proof of being user "${user}" was asked for, which database "${database}" requires`,
    detail: 'Without a password or a certificate the admin console is open on the own machine of the gateway only.',
  });
}

/** `at`: 1-based; `near` undefined: the text ends too early. */
export function consoleSyntaxError(near: string | undefined, at: number): PgError {
  return new PgError({
    sqlstate: sqlstate.syntaxError,
    message: near === undefined ? 'syntax error at end of input' : `syntax error at or near "${near}"`,
    hint: 'This is the admin console. SHOW HELP lists its commands.',
    position: at,
  });
}

export function consoleSettingUnknown(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.syntaxError,
    message: `there is no view or setting "${name}"`,
    hint: 'This is the admin console. SHOW HELP lists its commands.',
  });
}

export function consoleSettingFixed(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.featureNotSupported,
    message: `"${name}" cannot be set to that at the admin console`,
    hint: 'Change the configuration file and RELOAD; SHOW CONFIG tells what is in effect.',
  });
}

export function consoleViewNotKnown(name: string): PgError {
  return new PgError({ sqlstate: sqlstate.featureNotSupported, message: `this gateway has no view "${name}"` });
}

export function consoleCommandNotKnown(verb: string): PgError {
  return new PgError({ sqlstate: sqlstate.featureNotSupported, message: `this gateway cannot ${verb}` });
}

export function consoleCommandDenied(tag: string): PgError {
  return new PgError({
    sqlstate: sqlstate.insufficientPrivilege,
    message: `permission denied for ${tag}`,
    detail: 'Only those named by users in the section [console] of the configuration may do more than SHOW.',
  });
}

export function consoleInTransaction(tag: string): PgError {
  return new PgError({
    sqlstate: sqlstate.activeSqlTransaction,
    message: `${tag} cannot run inside a transaction block`,
    hint: 'Let the driver not begin a transaction (autocommit).',
  });
}

export function consoleAborted(): PgError {
  return new PgError({
    sqlstate: sqlstate.inFailedSqlTransaction,
    message: 'current transaction is aborted, commands ignored until end of transaction block',
  });
}

export function consoleCannot(what: string): PgError {
  return new PgError({ sqlstate: sqlstate.featureNotSupported, message: `the admin console does not ${what}` });
}

export function consoleOneStatement(): PgError {
  return new PgError({
    sqlstate: sqlstate.syntaxError,
    message: 'cannot insert multiple commands into a prepared statement',
  });
}

export function consoleParameters(count: number): PgError {
  return new PgError({
    sqlstate: sqlstate.protocolViolation,
    message: `bind message supplies ${count} parameters, but statements of the admin console take none`,
  });
}

export function consoleStatementExists(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.duplicatePreparedStatement,
    message: `prepared statement "${name}" already exists`,
  });
}

export function consoleStatementUnknown(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidSqlStatementName,
    message: name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
  });
}

export function consolePortalUnknown(name: string): PgError {
  return new PgError({ sqlstate: sqlstate.invalidCursorName, message: `portal "${name}" does not exist` });
}

export function consoleTooManyNames(countMax: number): PgError {
  return new PgError({
    sqlstate: sqlstate.configurationLimitExceeded,
    message: `a session at the admin console has at most ${countMax} statements and portals`,
  });
}

/** Postgres's words for a cancel by the user. */
export function consoleCancelled(): PgError {
  return new PgError({
    sqlstate: sqlstate.queryCanceled,
    message: 'canceling statement due to user request',
    detail: 'What was asked of the pooler goes on.',
    fate: 'unknown',
  });
}

export function noSuchClient(id: string): PgError {
  return new PgError({
    sqlstate: sqlstate.undefinedObject,
    message: `there is no client with id ${id}`,
    hint: 'SHOW CLIENTS tells the ids.',
  });
}

export function noSuchGateway(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.undefinedObject,
    message: `there is no gateway "${name}"`,
    hint: 'SHOW GATEWAYS tells their names.',
  });
}

export function killedByOperator(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.adminShutdown,
    message: 'terminating connection due to administrator command',
    detail: 'The session was killed at the admin console.',
  });
}

export function consoleMessageTooLong(bytes: number, bytesMax: number): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.programLimitExceeded,
    message: `a message of ${bytes} bytes is longer than the admin console takes`,
    detail: `The limit is ${bytesMax} bytes.`,
  });
}

export function tooManyConsoles(countMax: number): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.tooManyConnections,
    message: 'too many sessions at the admin console',
    detail: `The limit is ${countMax}.`,
  });
}

/** PostgreSQL's words for a setting that knows a few words only. */
export function readsModeUnknown(word: string): PgError {
  return new PgError({
    sqlstate: sqlstate.invalidParameterValue,
    message: `invalid value for parameter "multigres.reads": "${word}"`,
    hint: 'Available values: primary, replica, prefer-replica.',
  });
}

/** A replica was lost in the middle of a read, which has changed nothing. */
export function replicaLost(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.connectionFailure,
    message: 'the connection between gateway and replica was lost',
    detail: 'A read was running there that cannot be run again unseen; it has changed nothing.',
    hint: 'Connect again and try it again.',
  });
}

/** Nobody led within the time to wait. Nothing was executed. Postgres's own code for a server that takes no connections now. */
export function noLeaderInTime(reason: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.cannotConnectNow,
    message: 'the database is not available at the moment',
    detail: `The gateway waited in vain: ${reason}. Nothing of what was asked for was executed.`,
    hint: 'Connect again and try it again.',
  });
}

/** So many wait for a leader already that this one is refused at once. Nothing was executed. */
export function tooMuchWaits(reason: string): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.cannotConnectNow,
    message: 'the database is not available at the moment',
    detail: `Too many sessions wait for it already: ${reason}. Nothing of what was asked for was executed.`,
    hint: 'Connect again and try it again, after a pause.',
  });
}

/** The connection broke while the pooler was giving back what it had not begun. */
export function groupsNotGivenBack(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.connectionFailure,
    message: 'the connection between gateway and pooler was lost',
    detail: 'The pooler had stopped serving; nothing of what was asked for last was executed.',
    hint: 'Connect again and try it again.',
  });
}

/** The pooler gave back what we cannot have sent: nothing behind it can be trusted, and the link ends. */
export function malformedRequestBack(): PgError {
  return new PgError({
    severity: 'FATAL',
    sqlstate: sqlstate.protocolViolation,
    message: 'malformed frame between gateway and pooler',
    detail: 'A request that came back makes no sense.',
  });
}

/** 42501: the shard promises that what is acknowledged is on a quorum's disks. The message fits into a name (63 bytes); see `refuseQuery`. */
export function durabilityKept(): PgError {
  return new PgError({
    sqlstate: sqlstate.insufficientPrivilege,
    message: 'synchronous_commit may not be lowered in this shard',
    hint: 'Leave it at on, or set it to remote_apply.',
  });
}
