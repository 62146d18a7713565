import type { PgReport } from '@multigres/core';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

/** The fields of an ErrorResponse and of a NoticeResponse but for the severity, which differs. */
export type ReportBody = Omit<PgReport, 'severity'>;

const letter = {
  localizedSeverity: 0x53, // S
  severity: 0x56, // V
  sqlstate: 0x43, // C
  message: 0x4d, // M
  detail: 0x44, // D
  hint: 0x48, // H
  position: 0x50, // P
  internalPosition: 0x70, // p
  internalQuery: 0x71, // q
  where: 0x57, // W
  schema: 0x73, // s
  table: 0x74, // t
  column: 0x63, // c
  dataType: 0x64, // d
  constraint: 0x6e, // n
  file: 0x46, // F
  line: 0x4c, // L
  routine: 0x52, // R
} as const;

/** Optional fields in the order in which PostgreSQL sends them (`send_message_to_frontend`). */
const optionalFields = [
  'detail',
  'hint',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'position',
  'internalPosition',
  'internalQuery',
  'file',
  'line',
  'routine',
] as const satisfies readonly (keyof ReportBody)[];

const nameOfLetter: ReadonlyMap<number, keyof typeof letter> = new Map(
  Object.entries(letter).map(([name, byte]) => [byte, name as keyof typeof letter]),
);

/** Writes all fields and the end mark ("Error and Notice Message Fields"). */
export function writeReport(writer: MessageWriter, severity: string, report: ReportBody): void {
  writeField(writer, letter.localizedSeverity, severity);
  writeField(writer, letter.severity, severity);
  writeField(writer, letter.sqlstate, report.sqlstate);
  writeField(writer, letter.message, report.message);
  for (const name of optionalFields) {
    const value = report[name];
    if (value !== undefined) writeField(writer, letter[name], String(value));
  }
  writer.int8(0);
}

function writeField(writer: MessageWriter, byte: number, value: string): void {
  writer.int8(byte);
  writer.cstring(value);
}

/**
 * Reads all fields; unknown ones are passed over, as the documentation asks. A sender that leaves out the obligatory ones gets an empty
 * message and the SQLSTATE XX000. Undefined if malformed.
 */
export function readReport(
  buffer: Uint8Array,
  start: number,
  end: number,
): { readonly severity: string; readonly report: ReportBody } | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const fields: Partial<Record<keyof typeof letter, string | number>> = {};
  while (reader.ok) {
    const byte = reader.int8();
    if (byte === 0) break;
    const name = nameOfLetter.get(byte);
    const value = reader.cstring();
    if (name !== undefined) keepField(fields, name, value);
  }
  if (!reader.done) return undefined;
  const { localizedSeverity, severity, ...rest } = fields;
  const report = { sqlstate: 'XX000', message: '', ...rest } as ReportBody;
  return { severity: String(severity ?? localizedSeverity ?? ''), report };
}

function keepField(
  fields: Partial<Record<keyof typeof letter, string | number>>,
  name: keyof typeof letter,
  value: string,
): void {
  if (name !== 'position' && name !== 'internalPosition' && name !== 'line') fields[name] = value;
  else if (/^\d{1,15}$/.test(value)) fields[name] = Number(value);
}
