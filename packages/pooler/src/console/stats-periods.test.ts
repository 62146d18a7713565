import { expect, it } from 'vitest';
import { noTotals, type Totals } from '../pool/pool-tally.ts';
import { StatsPeriods, statsPeriodMs } from './stats-periods.ts';

const of =
  (totals: Partial<Totals>): (() => ReadonlyMap<string, Totals>) =>
  () =>
    new Map([['d', { ...noTotals, ...totals }]]);

it('averages are those of the last period that is over', () => {
  const periods = new StatsPeriods(1000);
  periods.look(1000 + statsPeriodMs - 1, of({ groups: 5 }));
  expect(periods.averages('d')).toMatchObject({ groups: 0, groupMs: 0 });
  periods.look(1000 + statsPeriodMs, of({ groups: 600, groupMs: 300, bytesSent: 6000 }));
  expect(periods.averages('d')).toMatchObject({ groups: 10, groupMs: 0.5, bytesSent: 100, waits: 0, waitMs: 0 });
  periods.look(2000 + statsPeriodMs, of({ groups: 10_000 }));
  expect(periods.averages('d').groups).toBe(10);
  periods.look(1000 + 3 * statsPeriodMs, of({ groups: 840, groupMs: 1260, waits: 4, waitMs: 100 }));
  expect(periods.averages('d')).toMatchObject({ groups: 2, groupMs: 4, waitMs: 25 });
});

it('a database that nobody has used has none', () => {
  const periods = new StatsPeriods(0);
  periods.look(statsPeriodMs, of({ groups: 1 }));
  expect(periods.averages('e')).toMatchObject({ groups: 0, bytesReceived: 0 });
});
