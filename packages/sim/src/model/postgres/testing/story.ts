import { hex, utf8Text } from '@multigres/core';
import type { BackendMessage } from '@multigres/pgwire';

/** Messages as short lines, without what differs from server to server (OIDs of tables, process numbers, secrets). */
export function story(messages: readonly BackendMessage[]): string[] {
  return messages.map(line);
}

function line(message: BackendMessage): string {
  switch (message.kind) {
    case 'rowDescription':
      return `columns ${message.columns
        .map(
          (column) =>
            `${column.name}:${column.typeOid}${column.typeModifier === -1 ? '' : `(${column.typeModifier})`}${column.columnNumber === 0 ? '' : `#${column.columnNumber}`}${column.format === 0 ? '' : 'b'}`,
        )
        .join(' ')}`;
    case 'dataRow':
      return `row ${message.values.map((value) => (value === null ? '~' : printable(value))).join('|')}`;
    case 'commandComplete':
      return `done ${message.commandTag}`;
    case 'readyForQuery':
      return `ready ${message.status}`;
    case 'errorResponse':
      return `${message.report.severity} ${reportLine(message.report)}`;
    case 'noticeResponse':
      return `${message.notice.severity} ${reportLine(message.notice)}`;
    case 'parameterStatus':
      return `setting ${message.name}=${message.value}`;
    case 'backendKeyData':
      return 'key';
    case 'parameterDescription':
      return `parameters ${message.typeOids.join(' ')}`;
    case 'copyData':
      return `copy ${utf8Text(message.data)}`;
    case 'copyInResponse':
    case 'copyOutResponse':
    case 'copyBothResponse':
      return `${message.kind} ${message.columnFormats.join(' ')}`;
    case 'notificationResponse':
      return `notification ${message.channel}=${message.payload}`;
    default:
      return message.kind;
  }
}

function printable(value: Uint8Array): string {
  return value.some((byte) => byte < 9) ? `0x${hex(value)}` : utf8Text(value);
}

interface Report {
  readonly sqlstate: string;
  readonly message: string;
  readonly position?: number;
  readonly detail?: string;
  readonly hint?: string;
  readonly where?: string;
}

function reportLine(report: Report): string {
  const at = report.position === undefined ? '' : ` at ${report.position}`;
  const more = [report.detail, report.hint].filter((text) => text !== undefined).join(' / ');
  return `${report.sqlstate} ${report.message}${at}${more === '' ? '' : ` (${more})`}`;
}
