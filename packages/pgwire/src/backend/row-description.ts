import type { FormatCode } from '../frontend/bind.ts';
import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface ColumnDescription {
  readonly name: string;
  /** The table's OID and the column's number, or 0 where the column is no table's. */
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  /** Bytes; negative for types of varying size (`pg_type.typlen`). */
  readonly typeSize: number;
  /** `pg_attribute.atttypmod`; -1 for none. */
  readonly typeModifier: number;
  /** In answers to Describe of a statement the format is not known yet and 0. */
  readonly format: FormatCode;
}

export interface RowDescription {
  readonly kind: 'rowDescription';
  readonly columns: readonly ColumnDescription[];
}

/** RowDescription: the columns of the rows to come. */
export function encodeRowDescription(writer: MessageWriter, columns: readonly ColumnDescription[]): void {
  writer.begin(backendTag.rowDescription);
  writer.count(columns.length);
  for (const column of columns) {
    writer.cstring(column.name);
    writer.int32(column.tableOid);
    writer.int16(column.columnNumber);
    writer.int32(column.typeOid);
    writer.int16(column.typeSize);
    writer.int32(column.typeModifier);
    writer.int16(column.format);
  }
  writer.end();
}

export function decodeRowDescription(buffer: Uint8Array, start: number, end: number): RowDescription | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const count = reader.uint16();
  const columns: ColumnDescription[] = [];
  for (let i = 0; i < count && reader.ok; i++) {
    columns.push({
      name: reader.cstring(),
      tableOid: reader.uint32(),
      columnNumber: reader.int16(),
      typeOid: reader.uint32(),
      typeSize: reader.int16(),
      typeModifier: reader.int32(),
      format: reader.int16(),
    });
  }
  return reader.done ? { kind: 'rowDescription', columns } : undefined;
}
