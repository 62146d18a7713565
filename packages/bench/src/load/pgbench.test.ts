import { expect, test } from 'vitest';
import { parsePgbench, pgbenchArguments } from './pgbench.ts';

test('what pgbench says at its end is read', () => {
  const output = `latency average = 1.579 ms
initial connection time = 54.012 ms
tps = 40453.619925 (without initial connection time)
number of transactions actually processed: 38123
number of failed transactions: 2 (0.005%)`;
  const expected = { transactions: 38_123, tps: 40_453.619925, failed: 2, meanUs: 1579 };
  expect(parsePgbench(output)).toEqual(expected);
});

test('a run in which no client got to a transaction counts as nothing', () => {
  const output = 'number of transactions actually processed: 0\nnumber of failed transactions: 0 (NaN%)\n';
  expect(parsePgbench(output)).toMatchObject({ transactions: 0, tps: 0, failed: 0 });
});

test('output that we do not know is no result', () => {
  expect(() => parsePgbench('tps = many')).toThrow(/something that we do not know/);
});

test('the arguments are those that anybody can type', () => {
  const load = { workload: 'select', mode: 'prepared', clients: 1, seconds: 5 } as const;
  expect(pgbenchArguments(load).join(' ')).toBe('-n -S -M prepared -c 1 -j 1 -T 5');
});
