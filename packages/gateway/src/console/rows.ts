import { assert } from '@multigres/core';
import {
  encodeDataRow,
  encodeRowDescription,
  formatBinary,
  formatText,
  type FormatCode,
  type MessageWriter,
} from '@multigres/pgwire';
import type { Cell, Column, ColumnType } from '@multigres/relay';

/** `pg_type.oid` and `typlen`. */
const types: Readonly<Record<ColumnType, { readonly oid: number; readonly size: number }>> = {
  bool: { oid: 16, size: 1 },
  int8: { oid: 20, size: 8 },
  int4: { oid: 23, size: 4 },
  text: { oid: 25, size: -1 },
  float8: { oid: 701, size: 8 },
};

/** The format of each column out of a Bind's: none means text, one is for all. */
export function formatsOf(formats: readonly FormatCode[], columns: number): FormatCode[] {
  return Array.from({ length: columns }, (_, at) => (formats.length === 1 ? formats[0] : formats[at]) ?? formatText);
}

/** RowDescription; no column is a table's. */
export function writeColumns(writer: MessageWriter, columns: readonly Column[], formats: readonly FormatCode[]): void {
  const described = columns.map(({ name, type }, at) => ({
    name,
    tableOid: 0,
    columnNumber: 0,
    typeOid: types[type].oid,
    typeSize: types[type].size,
    typeModifier: -1,
    format: formats[at] ?? formatText,
  }));
  encodeRowDescription(writer, described);
}

export function writeRow(
  writer: MessageWriter,
  columns: readonly Column[],
  formats: readonly FormatCode[],
  row: readonly Cell[],
): void {
  assert(row.length === columns.length, 'a row has a value for each column');
  const values = row.map((value, at) =>
    value !== null && formats[at] === formatBinary ? binary((columns[at] as Column).type, value) : value,
  );
  encodeDataRow(writer, values);
}

/** The binary form of a value (`pg_type.typsend`): integers and floats big-endian, texts as they are. */
function binary(type: ColumnType, value: string): Uint8Array | string {
  const view = new DataView(new ArrayBuffer(8));
  switch (type) {
    case 'text':
      return value;
    case 'bool':
      return Uint8Array.of(value === 't' ? 1 : 0);
    case 'int4':
      view.setInt32(0, Number(value));
      return new Uint8Array(view.buffer, 0, 4);
    case 'int8':
      view.setBigInt64(0, BigInt(value));
      return new Uint8Array(view.buffer);
    case 'float8':
      view.setFloat64(0, Number(value));
      return new Uint8Array(view.buffer);
  }
}
