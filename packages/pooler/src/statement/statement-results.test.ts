import { encodeNoData, encodeRowDescription, MessageWriter, type ColumnDescription } from '@multigres/pgwire';
import { describe, expect, it } from 'vitest';
import { sameResult, StatementResults, type Result } from './statement-results.ts';

const a: ColumnDescription = {
  name: 'a',
  tableOid: 16_384,
  columnNumber: 1,
  typeOid: 1043,
  typeSize: -1,
  typeModifier: 24,
  format: 0,
};

function resultOf(query: string, columns: readonly ColumnDescription[] | undefined): Result {
  const writer = new MessageWriter();
  if (columns === undefined) encodeNoData(writer);
  else encodeRowDescription(writer, columns);
  const bytes = writer.take();
  return new StatementResults(query, () => {}).learn(bytes, 0, bytes.length);
}

const same = (one: readonly ColumnDescription[] | undefined, other: typeof one, query = 'select 1'): boolean =>
  sameResult(resultOf(query, one), resultOf(query, other));

describe('two results', () => {
  it('differ by number, names, types and modifiers of their columns, and by having none', () => {
    expect(same([a], [a])).toBe(true);
    for (const other of [{ name: 'b' }, { typeOid: 25 }, { typeModifier: 25 }])
      expect(same([a], [{ ...a, ...other }])).toBe(false);
    expect(same([a], [a, a])).toBe(false);
    expect(same([a], undefined)).toBe(false);
    expect(same([], undefined)).toBe(false);
    expect(same(undefined, undefined)).toBe(true);
  });

  it('do not differ by the table that they come from, by the format, or by letters that the client’s encoding changes', () => {
    expect(same([a], [{ ...a, tableOid: 7, columnNumber: 3, format: 1 }])).toBe(true);
    expect(same([{ ...a, name: 'größe' }], [{ ...a, name: 'gre' }])).toBe(true);
  });

  it('of FETCH and EXECUTE are not compared, as little as those that are too long', () => {
    for (const query of ['fetch 1 from c', ' -- x\n/* y * */ EXECUTE s'])
      expect(same([a], undefined, query)).toBe(true);
    expect(same([a], undefined, 'select fetch')).toBe(false);
    const results = new StatementResults('select 1', () => {});
    expect(sameResult(results.learn(undefined, 0, 0), resultOf('select 1', [a]))).toBe(true);
  });
});

it('a pathological text is judged in no time', () => {
  const text = `${'/* */ '.repeat(3000)}${' '.repeat(10_000)}x`;
  expect(resultOf(text, [a]).length).toBeGreaterThan(1);
});

it('the first result is told once, and a few others are remembered', () => {
  let told = 0;
  const results = new StatementResults('select 1', () => (told += 1));
  const byte = (value: number): Result => results.known(Uint8Array.of(0, value));
  const first = byte(0);
  expect([results.first, told]).toEqual([first, 1]);
  for (let i = 1; i < 100; i++) byte(i);
  expect([results.first, told]).toEqual([first, 1]);
  expect(byte(0)).toBe(first);
});
