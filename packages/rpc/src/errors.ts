import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { DescMethod } from '@bufbuild/protobuf';
import { PgError, sqlstate, type Fate, type PgErrorInit } from '@multigres/core';

/**
 * What can be said of a call whose answer was lost: nothing was done if the method declares that it does nothing
 * (`idempotency_level = NO_SIDE_EFFECTS`), else nobody knows.
 */
export function fateWhenLost(method: DescMethod): Fate {
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS ? 'notApplied' : 'unknown';
}

/** 08001: the call never left, because no connection could be made. */
export function unreachable(path: string, remote: string, cause: unknown): PgError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new PgError(
    {
      sqlstate: sqlstate.sqlclientUnableToEstablishSqlconnection,
      message: `could not connect to ${remote} for ${path}${why}`,
    },
    cause,
  );
}

/** 08006: the connection broke while the call was under way. */
export function connectionLost(method: DescMethod, path: string, cause?: unknown): PgError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new PgError(
    {
      sqlstate: sqlstate.connectionFailure,
      message: `the connection was lost before ${path} was answered${why}`,
      fate: fateWhenLost(method),
    },
    cause,
  );
}

/** 57014: the caller's deadline passed first. */
export function deadlineExceeded(method: DescMethod, path: string, sent: boolean, cause?: unknown): PgError {
  return new PgError(
    {
      sqlstate: sqlstate.queryCanceled,
      message: `${path} was not answered before its deadline`,
      fate: sent ? fateWhenLost(method) : 'notApplied',
    },
    cause,
  );
}

/** 08006: a stream that promised heartbeats has fallen silent. */
export function streamSilent(path: string, idleMsMax: number): PgError {
  return new PgError({
    sqlstate: sqlstate.connectionFailure,
    message: `nothing was heard from ${path} for ${idleMsMax} ms`,
  });
}

/** 57014: this side gave the call up. */
export function callCancelled(method: DescMethod, path: string): PgError {
  return new PgError({
    sqlstate: sqlstate.queryCanceled,
    message: `${path} was cancelled`,
    fate: fateWhenLost(method),
  });
}

/** 57P01: the server takes no calls any more. */
export function serverClosing(): PgError {
  return new PgError({ sqlstate: sqlstate.adminShutdown, message: 'the server is shutting down' });
}

/** 08003: used after `close`. */
export function channelClosed(path: string): PgError {
  return new PgError({ sqlstate: sqlstate.connectionDoesNotExist, message: `the channel for ${path} is closed` });
}

/** 0A000: nobody serves this method. */
export function methodNotServed(path: string): PgError {
  return new PgError({ sqlstate: sqlstate.featureNotSupported, message: `method ${path} is not served here` });
}

/** 53400: more calls at once than the limit. */
export function tooManyCalls(callsMax: number): PgError {
  return new PgError({
    sqlstate: sqlstate.configurationLimitExceeded,
    message: `more than ${callsMax} calls at once on one connection`,
  });
}

/** 54000: a message over the limit. */
export function messageTooLarge(path: string, bytes: number, bytesMax: number, fate: Fate): PgError {
  return new PgError({
    sqlstate: sqlstate.programLimitExceeded,
    message: `a message of ${path} has ${bytes} bytes, more than the limit of ${bytesMax}`,
    fate,
  });
}

/** 08P01: the request's bytes are no message of the method's type. */
export function malformedRequest(path: string, cause: unknown): PgError {
  return new PgError({ sqlstate: sqlstate.protocolViolation, message: `malformed request for ${path}` }, cause);
}

/** 08P01: the answer's bytes are no message of the method's type. */
export function malformedAnswer(method: DescMethod, path: string, cause: unknown): PgError {
  return new PgError(
    { sqlstate: sqlstate.protocolViolation, message: `malformed answer of ${path}`, fate: fateWhenLost(method) },
    cause,
  );
}

/** 08P01: the peer breaks the framing of the transport. */
export function malformedFrame(why: string): PgError {
  return new PgError({ sqlstate: sqlstate.protocolViolation, message: `malformed frame: ${why}`, fate: 'unknown' });
}

/** XX000: a handler failed with something that is no PgError. */
export function internal(cause: unknown): PgError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new PgError({ sqlstate: sqlstate.internalError, message, fate: 'unknown' }, cause);
}

/** A report that arrived from another process. */
export function relayed(init: PgErrorInit, cause?: unknown): PgError {
  return new PgError(init, cause);
}
