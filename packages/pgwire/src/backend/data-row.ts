import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface DataRow {
  readonly kind: 'dataRow';
  /** Views of the decoded buffer, in the formats that RowDescription told. */
  readonly values: readonly (Uint8Array | null)[];
}

/** DataRow: one row. Texts are written as UTF-8. */
export function encodeDataRow(writer: MessageWriter, values: readonly (Uint8Array | string | null)[]): void {
  writer.begin(backendTag.dataRow);
  writer.count(values.length);
  for (const value of values) writer.nullable(value);
  writer.end();
}

export function decodeDataRow(buffer: Uint8Array, start: number, end: number): DataRow | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const count = reader.uint16();
  const values: (Uint8Array | null)[] = [];
  for (let i = 0; i < count && reader.ok; i++) values.push(reader.nullableBytes());
  return reader.done ? { kind: 'dataRow', values } : undefined;
}
