import { expect, it } from 'vitest';
import { StatementTable } from './statement-table.ts';

it('one content is one statement, however many define it, and a number never means another one', () => {
  const table = new StatementTable();
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
