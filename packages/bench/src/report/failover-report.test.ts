import { expect, it } from 'vitest';
import type { Machine } from '../machine/machine.ts';
import { failoverReport, quantile } from './failover-report.ts';

const machine: Machine = {
  cpu: 'cpu',
  cores: 2,
  memoryGiB: 4,
  system: 'Linux',
  kernel: '6',
  node: '26',
  loadBefore: 0,
};

it.each([
  [[5, 1, 3], 0.5, 3],
  [[5, 1, 3, 2], 0.5, 2],
  [Array.from({ length: 100 }, (_, i) => i + 1), 0.99, 99],
])('of %j, %f are at most %i', (values, share, expected) => {
  expect(quantile(values, share)).toBe(expected);
});

it('sums up the rounds of each kind, with the errors by kind', () => {
  const rounds = [
    { kind: 'postgres', pauseMs: 400, writes: 9, reconnects: 0, errors: new Map([['08007 unknown', 3]]) },
    { kind: 'postgres', pauseMs: 800, writes: 9, reconnects: 1, errors: new Map() },
    { kind: 'switchover', pauseMs: 90, writes: 9, reconnects: 0, errors: new Map() },
  ] as const;
  const plan = { kinds: ['postgres', 'switchover'], rounds: 2, connections: 16 } as const;
  const report = failoverReport(machine, plan, rounds, './mg bench failover');
  expect(report).toMatch(/leader's Postgres\s+\|\s+2 \|\s+600 ms \|\s+800 ms \|\s+800 ms \|\s+3 \|\s+1 of 2 \|\s+1 \|/);
  expect(report).toContain('  - 3 times: 08007 unknown');
  expect(report).toContain('- planned switchover: none');
});
