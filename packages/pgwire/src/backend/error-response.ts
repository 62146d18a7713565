import type { PgReport, Severity } from '@multigres/core';
import { backendTag } from '../tags.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { zeroAt } from '../wire/scan.ts';
import { readReport, writeReport } from './report-fields.ts';

export interface ErrorResponse {
  readonly kind: 'errorResponse';
  readonly report: PgReport;
}

/** ErrorResponse: `error.report` of a PgError, whole. */
export function encodeErrorResponse(writer: MessageWriter, report: PgReport): void {
  writer.begin(backendTag.errorResponse);
  writeReport(writer, report.severity, report);
  writer.end();
}

/** Undefined if malformed. A severity that is no error's (a translated one of an old server) is read as ERROR. */
export function decodeErrorResponse(buffer: Uint8Array, start: number, end: number): ErrorResponse | undefined {
  const read = readReport(buffer, start, end);
  return read && { kind: 'errorResponse', report: { ...read.report, severity: severityOf(read.severity) } };
}

function severityOf(text: string): Severity {
  return text === 'FATAL' || text === 'PANIC' ? text : 'ERROR';
}

const sqlstateLetter = 0x43; // C

/** Where the five bytes of the SQLSTATE start, or -1 if there are none. Also for NoticeResponse. */
export function peekSqlstate(buffer: Uint8Array, start: number, end: number): number {
  let at = start + 5;
  while (at < end && buffer[at] !== 0) {
    const zero = zeroAt(buffer, at + 1, end);
    if (zero < 0) return -1;
    if (buffer[at] === sqlstateLetter) return zero - at === 6 ? at + 1 : -1;
    at = zero + 1;
  }
  return -1;
}
