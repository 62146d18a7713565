import { expect, it } from 'vitest';
import { ExpectedResults } from './expected-results.ts';
import { StatementTable } from './statement-table.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(`..${text}`, (letter) => letter.charCodeAt(0));

it('a statement is expected to answer what it answered first, unless the session prepared it as something else', () => {
  const statement = new StatementTable(() => {}).acquire('select * from t', []);
  const expected = new ExpectedResults();
  expect(expected.of(statement)).toBeUndefined();
  const [first, second] = [statement.results.known(bytes('a')), statement.results.known(bytes('ab'))];
  expect(expected.of(statement)).toBe(first);
  expect(expected.set(statement, second)).toBe(true);
  expect(expected.of(statement)).toBe(second);
  expect(expected.set(statement, second)).toBe(false);
  // Being prepared, nobody knows as what; then as it was first, of which the gateway has to hear.
  expect(expected.set(statement, undefined)).toBe(false);
  expect(expected.of(statement)).toBeUndefined();
  expect(expected.set(statement, first)).toBe(true);
  expect(expected.isEmpty).toBe(true);
  expect(expected.set(statement, undefined)).toBe(false);
  expect(expected.set(statement, first)).toBe(false);
});

it('no session makes it remember without end', () => {
  const table = new StatementTable(() => {});
  const expected = new ExpectedResults();
  const statements = Array.from({ length: 1100 }, (_, i) => table.acquire(`select ${i}`, []));
  for (const statement of statements) {
    const results = [statement.results.known(bytes('a')), statement.results.known(bytes('b'))];
    expected.set(statement, results[1]);
  }
  const kept = statements.filter((statement) => expected.of(statement) !== statement.results.first);
  expect(kept).toEqual(statements.slice(100));
});
