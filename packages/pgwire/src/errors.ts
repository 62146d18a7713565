import { PgError, sqlstate, type PgReport } from '@multigres/core';

// Refusals with PostgreSQL's own words and SQLSTATEs (its source, `postmaster.c`, `auth.c`, `auth-scram.c`, `pqcomm.c`), so that clients
// and people who know them find what they expect. During login they are FATAL: the connection ends.

function fatal(code: string, message: string, more?: { readonly detail?: string; readonly hint?: string }): PgError {
  return new PgError({ severity: 'FATAL', sqlstate: code, message, ...more });
}

export function invalidStartupLength(): PgError {
  return fatal(sqlstate.protocolViolation, 'invalid length of startup packet');
}

export function invalidStartupLayout(): PgError {
  return fatal(sqlstate.protocolViolation, 'invalid startup packet layout: expected terminator as last byte');
}

/** A length word that no message may have: the stream can not be followed any further. */
export function invalidMessageLength(): PgError {
  return fatal(sqlstate.protocolViolation, 'invalid message length');
}

/** A first byte that no message of a client has. */
export function invalidFrontendTag(tag: number): PgError {
  return fatal(sqlstate.protocolViolation, `invalid frontend message type ${tag}`);
}

/** The tag is known, but not what follows it. */
export function invalidMessageFormat(): PgError {
  return new PgError({ sqlstate: sqlstate.protocolViolation, message: 'invalid message format' });
}

export function unsupportedProtocol(major: number, minor: number, minorMax: number): PgError {
  const message = `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${minorMax}`;
  return fatal(sqlstate.featureNotSupported, message);
}

export function noUserName(): PgError {
  return fatal(sqlstate.invalidAuthorizationSpecification, 'no PostgreSQL user name specified in startup packet');
}

export function invalidReplication(value: string): PgError {
  return fatal(sqlstate.invalidParameterValue, `invalid value for parameter "replication": "${value}"`, {
    hint: 'Valid values are: "false", 0, "true", 1, "database".',
  });
}

/** In `options` of a StartupMessage. */
export function invalidStartupOption(argument: string): PgError {
  return fatal(sqlstate.syntaxError, `invalid command-line argument for server process: ${argument}`, {
    hint: 'Try "postgres --help" for more information.',
  });
}

/** `-c name` or `--name` without a value. */
export function startupOptionNeedsValue(option: string): PgError {
  return fatal(sqlstate.syntaxError, `${option} requires a value`);
}

/** Bytes that came before the TLS handshake must not be taken for bytes that came inside it. */
export function unencryptedDataAfter(request: 'SSL' | 'GSSAPI encryption'): PgError {
  return fatal(sqlstate.protocolViolation, `received unencrypted data after ${request} request`, {
    detail: 'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
  });
}

/** Never told to anybody: CancelRequest has no answer. */
export function invalidCancelRequest(): PgError {
  return fatal(sqlstate.protocolViolation, 'invalid length of cancel request packet');
}

export function expectedAuthenticationResponse(expected: 'password' | 'SASL', tag: number): PgError {
  return fatal(sqlstate.protocolViolation, `expected ${expected} response, got message type ${tag}`);
}

export function invalidPasswordPacket(): PgError {
  return fatal(sqlstate.protocolViolation, 'invalid password packet size');
}

export function emptyPassword(): PgError {
  return fatal(sqlstate.invalidPassword, 'empty password returned by client');
}

export function passwordAuthenticationFailed(user: string): PgError {
  return fatal(sqlstate.invalidPassword, `password authentication failed for user "${user}"`);
}

export function invalidSaslMechanism(): PgError {
  return fatal(sqlstate.protocolViolation, 'client selected an invalid SASL authentication mechanism');
}

export function malformedScram(detail: string): PgError {
  return fatal(sqlstate.protocolViolation, 'malformed SCRAM message', { detail });
}

export function unsupportedScram(message: string): PgError {
  return fatal(sqlstate.featureNotSupported, message);
}

export function scramNonceMismatch(): PgError {
  return fatal(sqlstate.protocolViolation, 'invalid SCRAM response', { detail: 'Nonce does not match.' });
}

/** The client must have been told by somebody in between that the server knows no channel binding. */
export function scramChannelBindingDowngrade(): PgError {
  return fatal(sqlstate.invalidAuthorizationSpecification, 'SCRAM channel binding negotiation error', {
    detail:
      'The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.',
  });
}

export function unsupportedChannelBinding(type: string): PgError {
  return fatal(sqlstate.protocolViolation, `unsupported SCRAM channel-binding type "${type}"`);
}

/** The client has seen another certificate than ours: somebody is in between. */
export function scramChannelBindingFailed(): PgError {
  return fatal(sqlstate.invalidAuthorizationSpecification, 'SCRAM channel binding check failed');
}

export function scramChannelBindingMismatch(): PgError {
  const message = 'unexpected SCRAM channel-binding attribute in client-final-message';
  return fatal(sqlstate.protocolViolation, message);
}

// Towards a server, where we are the client.

/** A server said what no server may say here. */
export function unexpectedFromServer(detail: string): PgError {
  return fatal(sqlstate.protocolViolation, 'unexpected message from server during startup', { detail });
}

/** The server's own ErrorResponse, as an error of ours: nothing was executed yet. */
export function refusedByServer(report: PgReport): PgError {
  return new PgError({ ...report, fate: 'notApplied' });
}

export function noPasswordFor(user: string): PgError {
  const message = `server asks for a password, and none is known for user "${user}"`;
  return fatal(sqlstate.invalidPassword, message, {
    hint: 'Let clients prove a password (SCRAM-SHA-256, md5 or password), write it into the file of users, or let the server trust us.',
  });
}

export function onlyScramKeysFor(user: string): PgError {
  return fatal(
    sqlstate.invalidPassword,
    `server asks for the password of user "${user}" itself, and only SCRAM keys are known`,
    { hint: 'Let the server ask for scram-sha-256, or write the password into the file of users.' },
  );
}

export function onlyMd5VerifierFor(user: string): PgError {
  return fatal(
    sqlstate.invalidPassword,
    `server asks for the password of user "${user}" itself or for SCRAM, and only its md5 verifier is known`,
    {
      hint: 'Store a SCRAM-SHA-256 secret for the user, let the server ask for md5, or write the password into the file of users.',
    },
  );
}

export function unsupportedAuthentication(method: string): PgError {
  return fatal(sqlstate.featureNotSupported, `authentication method "${method}" is not supported`);
}

export function serverRefusesTls(): PgError {
  return fatal(sqlstate.sqlclientUnableToEstablishSqlconnection, 'server does not support TLS, but TLS was required');
}

/** The server could not prove that it knows the password: it may be somebody else. */
export function serverNotAuthentic(): PgError {
  return fatal(sqlstate.invalidPassword, 'incorrect server signature', {
    detail: 'The server did not prove that it knows the password of the user.',
  });
}

export function scramRefusedByServer(reason: string): PgError {
  return fatal(
    sqlstate.invalidPassword,
    `error received from server in SCRAM exchange: ${reason.replaceAll('\0', '')}`,
  );
}
