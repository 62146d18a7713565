import { assert } from '@multigres/core';
import type { BodyReader } from '../body.ts';
import { BodyWriter } from '../body.ts';
import { malformedFrame } from '../errors.ts';

/** As Postgres names them; what a console shows is of these. */
export const columnTypes = ['text', 'int4', 'int8', 'float8', 'bool'] as const;
export type ColumnType = (typeof columnTypes)[number];

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** A value in Postgres's text form. */
export type Cell = string | null;

/** What an admin console shows, or a part of it from one of those who know it. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** The text forms of Postgres: whole numbers without exponent, `t` and `f`. Numbers of the int types are cut to whole ones. */
export function cell(type: ColumnType, value: string | number | boolean | null | undefined): Cell {
  if (value === null || value === undefined) return null;
  // No limit, or none that anybody could count.
  if (typeof value === 'number' && type !== 'float8' && !Number.isFinite(value)) return null;
  if (typeof value === 'boolean') return type === 'bool' ? (value ? 't' : 'f') : value ? '1' : '0';
  if (typeof value === 'string') return value;
  if (type === 'float8') return String(value);
  return BigInt(Math.trunc(value)).toString();
}

/** A table out of records: the columns in order with how each is read from a record. */
export function tableOf<Row>(
  columns: readonly (readonly [
    name: string,
    type: ColumnType,
    read: (row: Row) => string | number | boolean | null | undefined,
  ])[],
  rows: Iterable<Row>,
): Table {
  return {
    columns: columns.map(([name, type]) => ({ name, type })),
    rows: Array.from(rows, (row) => columns.map(([, type, read]) => cell(type, read(row)))),
  };
}

export function encodeTable(table: Table): Uint8Array {
  const body = new BodyWriter().u32(table.columns.length);
  for (const { name, type } of table.columns) body.u8(columnTypes.indexOf(type)).text(name);
  body.u32(table.rows.length);
  for (const row of table.rows) {
    assert(row.length === table.columns.length, 'a row has a value for each column');
    for (const value of row) body.optionalText(value ?? undefined);
  }
  return body.done();
}

/** Throws 08P01 if the bytes are no table. */
export function decodeTable(reader: BodyReader): Table {
  const columns: Column[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    const type = columnTypes[reader.u8()];
    if (type === undefined) throw malformedFrame();
    columns.push({ name: reader.text(), type });
  }
  const rows: Cell[][] = [];
  // A table without columns has no rows; without the check its count of rows would cost nothing to claim.
  for (let left = columns.length === 0 ? 0 : reader.u32(); left > 0; left--) {
    rows.push(columns.map(() => reader.optionalText() ?? null));
  }
  return { columns, rows };
}
