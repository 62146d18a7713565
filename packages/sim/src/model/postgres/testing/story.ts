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

/**
 * A story that can be compared between servers: numbers of processes, transactions and relations are masked, and notifications come
 * first, because an idle session may hear them at any moment.
 */
export function normalStory(messages: readonly BackendMessage[]): string[] {
  const lines = story(messages).map((text) =>
    text
      .replace(/\b([Pp]rocess|transaction|relation|database) \d+/g, '$1 N')
      // Since 17 with units.
      .replace(/\((-?\d+)(?: \w+)? \.\. (\d+)(?: \w+)?\)/, '($1 .. $2)')
      .replace(/advisory lock \[\d+,/, 'advisory lock [N,'),
  );
  const notifications = lines.filter((text) => text.startsWith('notification'));
  return [...notifications, ...sortedSettings(lines.filter((text) => !text.startsWith('notification')))];
}

/** Reports of settings that follow one another come in no particular order. */
function sortedSettings(lines: readonly string[]): string[] {
  const sorted = [...lines];
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (end < sorted.length && sorted[end]?.startsWith('setting ') === true) end += 1;
    sorted.splice(i, end - i, ...sorted.slice(i, end).sort());
    i = end + 1;
  }
  return sorted;
}
