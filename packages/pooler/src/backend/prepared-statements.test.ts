import { expect, it } from 'vitest';
import { StatementTable, type Statement } from '../statement/statement-table.ts';
import { PreparedStatements } from './prepared-statements.ts';

const table = new StatementTable(() => {});
const statement = (number: number): Statement => table.acquire(`s${number}`, []);

it('a statement is what a reply said of it last', () => {
  const statements = new PreparedStatements(10);
  const prepared = statements.use(statement(1));
  expect(prepared).toMatchObject({ present: false, pending: 0 });
  prepared.present = true;
  expect(statements.use(statement(1))).toBe(prepared);
  statements.doubt();
  expect(prepared.present).toBe(false);
  statements.clear();
  expect(statements.size).toBe(0);
});

it('what was unused for longest goes first, but nothing whose reply is under way or that was used since', () => {
  const statements = new PreparedStatements(1);
  for (const number of [1, 2, 3]) statements.use(statement(number));
  statements.use(statement(1));
  statements.use(statement(2)).pending = 1;
  const before = statements.uses;
  statements.use(statement(4));
  expect(statements.evict(before)?.statement.number).toBe(3);
  expect(statements.evict(before)?.statement.number).toBe(1);
  expect(statements.evict(before)).toBeUndefined();
  expect(statements.size).toBe(2);
});
