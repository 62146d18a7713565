import { expect, it } from 'vitest';
import { StatementTable } from './statement-table.ts';

it('one content is one statement, however many define it, and a number never means another one', () => {
  const table = new StatementTable(() => {});
  const one = table.acquire('select 1', []);
  expect(table.acquire('select 1', [])).toBe(one);
  const typed = table.acquire('select 1', [23]);
  expect(typed.number).not.toBe(one.number);
  expect(table.acquire('23;select 1', []).number).not.toBe(typed.number);
  table.release(one);
  expect(table.size).toBe(3);
  table.release(one);
  expect(table.size).toBe(2);
  expect(table.acquire('select 1', []).number).toBeGreaterThan(typed.number);
});

it('one content with two results is two statements, for those who rely on the one or the other', () => {
  const told: number[] = [];
  const table = new StatementTable(({ number }) => told.push(number));
  const one = table.acquire('select 1', []);
  const [old, now] = [Uint8Array.of(0, 1, 97), Uint8Array.of(0, 1, 98)];
  expect(table.relying(one, old)).toBe(one);
  expect(told).toEqual([one.number]);
  expect(table.acquire('select 1', [])).toBe(one);
  const other = table.relying(one, now);
  expect(other.number).not.toBe(one.number);
  expect([one.results.first, other.results.first]).toEqual([old, now]);
  expect(table.relying(table.acquire('select 1', []), now)).toBe(other);
  expect(table.size).toBe(2);
  table.release(one);
  table.release(other);
  table.release(other);
  expect(table.size).toBe(0);
});
