import { PgError, sqlstate } from '@multigres/core';

/** The peer's bytes are no frames, or a body is shorter than what it should hold. */
export function malformedFrame(): PgError {
  return new PgError({
    sqlstate: sqlstate.protocolViolation,
    message: 'malformed frame between gateway and pooler',
    severity: 'FATAL',
  });
}

export function topicNotKnown(topic: string, name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.featureNotSupported,
    message: `${name} has no answer to questions about "${topic}"`,
  });
}

/** Only a pooler knows others to pass a question on to. */
export function noOthers(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.featureNotSupported,
    message: `${name} passes no questions on`,
  });
}

export function tooManyQuestions(countMax: number): PgError {
  return new PgError({
    sqlstate: sqlstate.configurationLimitExceeded,
    message: 'too many questions at once between gateway and pooler',
    detail: `The limit is ${countMax}.`,
  });
}

export function bodyTooLong(bytes: number, bytesMax: number): PgError {
  return new PgError({
    sqlstate: sqlstate.programLimitExceeded,
    message: 'a question or an answer between gateway and pooler is too long',
    detail: `It has ${bytes} bytes; the limit is ${bytesMax}.`,
  });
}

/** The one who was asked may have done what he was asked for. */
export function noAnswerInTime(name: string, deadlineMs: number): PgError {
  return new PgError({
    sqlstate: sqlstate.queryCanceled,
    message: `no answer from ${name} within ${Math.ceil(deadlineMs)} ms`,
    fate: 'unknown',
  });
}

/** The one who was asked may have done what he was asked for. */
export function leftUnanswered(name: string): PgError {
  return new PgError({
    sqlstate: sqlstate.connectionFailure,
    message: `${name} left before it answered`,
    fate: 'unknown',
  });
}
