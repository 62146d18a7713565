import { decodeDataRow, decodeRowDescription, MessageWriter } from '@multigres/pgwire';
import type { Cell, Column } from '@multigres/relay';
import { expect, it } from 'vitest';
import { formatsOf, writeColumns, writeRow } from './rows.ts';

const columns: readonly Column[] = [
  { name: 't', type: 'text' },
  { name: 'i', type: 'int4' },
  { name: 'b', type: 'int8' },
  { name: 'f', type: 'float8' },
  { name: 'y', type: 'bool' },
];
const row: readonly Cell[] = ['é', '-2', '9007199254740993', '1.5', 't'];

function sent(formats: readonly number[]): (readonly number[] | null)[] | undefined {
  const writer = new MessageWriter();
  writeRow(writer, columns, formatsOf(formats, columns.length), row);
  const bytes = writer.take();
  return decodeDataRow(bytes, 0, bytes.length)?.values.map((value) => value && [...value]);
}

it('values go out as text, or in binary where the client wants it', () => {
  const text = ['é', '-2', '9007199254740993', '1.5', 't'].map((value) => [...new TextEncoder().encode(value)]);
  const binary = [text[0], [255, 255, 255, 254], [0, 32, 0, 0, 0, 0, 0, 1], [63, 248, 0, 0, 0, 0, 0, 0], [1]];
  expect(sent([])).toEqual(text);
  expect(sent([1])).toEqual(binary);
  expect(sent([0, 1, 0, 1, 0])).toEqual([text[0], binary[1], text[2], binary[3], text[4]]);
});

it('a null is one in both forms', () => {
  const writer = new MessageWriter();
  writeRow(writer, columns.slice(1, 2), [1], [null]);
  const bytes = writer.take();
  expect(decodeDataRow(bytes, 0, bytes.length)?.values).toEqual([null]);
});

it('columns are described with the types of Postgres', () => {
  const writer = new MessageWriter();
  writeColumns(writer, columns, formatsOf([1], columns.length));
  const bytes = writer.take();
  const described = decodeRowDescription(bytes, 0, bytes.length)?.columns;
  expect(described?.map(({ name, typeOid, typeSize, format }) => [name, typeOid, typeSize, format])).toEqual([
    ['t', 25, -1, 1],
    ['i', 23, 4, 1],
    ['b', 20, 8, 1],
    ['f', 701, 8, 1],
    ['y', 16, 1, 1],
  ]);
});
