import { sqlstate, type PgReport } from '@multigres/core';

/**
 * Whether Postgres did not understand or accept the client's own text, so that it did not begin to execute it: errors of that class with a place in the
 * text come from the parser and from parse analysis. Texts that functions have parsed have their place in `internalQuery` and say `where`.
 */
export function isOfText({ sqlstate: code, position, internalQuery, where }: PgReport): boolean {
  return code.startsWith('42') && position !== undefined && internalQuery === undefined && where === undefined;
}

/** The backend's prepared statement is not there, although the session has one of that name: a function deallocated it. */
export function isGone(report: PgReport): boolean {
  return report.sqlstate === sqlstate.invalidSqlStatementName;
}

/** DDL has changed what the prepared statement answers: "cached plan must not change result type". */
export function isChanged(report: PgReport): boolean {
  return report.sqlstate === sqlstate.featureNotSupported && report.routine === 'RevalidateCachedQuery';
}
