import { backendTag } from '../tags.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { readReport, writeReport, type ReportBody } from './report-fields.ts';

export type NoticeSeverity = 'WARNING' | 'NOTICE' | 'DEBUG' | 'INFO' | 'LOG';

/** The fields of a PgReport with the severity of a notice. */
export interface PgNotice extends ReportBody {
  readonly severity: NoticeSeverity;
}

export interface NoticeResponse {
  readonly kind: 'noticeResponse';
  readonly notice: PgNotice;
}

/** NoticeResponse: a warning or a remark. May come at any time. */
export function encodeNoticeResponse(writer: MessageWriter, notice: PgNotice): void {
  writer.begin(backendTag.noticeResponse);
  writeReport(writer, notice.severity, notice);
  writer.end();
}

/** Undefined if malformed. An unknown severity is read as NOTICE. */
export function decodeNoticeResponse(buffer: Uint8Array, start: number, end: number): NoticeResponse | undefined {
  const read = readReport(buffer, start, end);
  return read && { kind: 'noticeResponse', notice: { ...read.report, severity: severityOf(read.severity) } };
}

function severityOf(text: string): NoticeSeverity {
  return text === 'WARNING' || text === 'DEBUG' || text === 'INFO' || text === 'LOG' ? text : 'NOTICE';
}
