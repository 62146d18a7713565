import { describe, expect, it } from 'vitest';
import { DurationHistory, ShapeHistories } from './duration-history.ts';

const limits = { slowMs: 2, fastMs: 1 };

function history(...took: readonly number[]): DurationHistory {
  const made = new DurationHistory();
  for (const ms of took) made.record(ms, limits);
  return made;
}

describe('the history of a statement', () => {
  it.each([
    ['nothing', [], 'unknown'],
    ['one fast run', [0.1], 'fast'],
    ['one slow run', [100], 'slow'],
    ['fast runs and one pause of the machine', [0.1, 0.1, 80], 'fast'],
    ['fast runs and three slow ones', [0.1, 0.1, 80, 80, 80], 'slow'],
    ['one slow run in five, again and again', Array.from({ length: 60 }, (_, i) => (i % 5 === 0 ? 100 : 0.1)), 'slow'],
    ['one slow run in fifty', Array.from({ length: 400 }, (_, i) => (i % 50 === 25 ? 100 : 0.1)), 'fast'],
    ['a slow start and many fast runs', [100, ...Array.from({ length: 60 }, () => 0.1)], 'fast'],
  ] as const)('with %s', (_what, took, pace) => {
    expect(history(...took).pace).toBe(pace);
  });

  it('does not waver between the two limits', () => {
    const slow = history(3);
    for (let i = 0; i < 100; i++) slow.record(1.5, limits);
    expect([slow.pace, history(1.5).pace]).toEqual(['slow', 'fast']);
  });

  it('is slow after others have waited for it once and it took long indeed, but not after a pause of the machine', () => {
    const paused = history(0.1);
    paused.overran(limits);
    paused.record(6, limits);
    expect(paused.pace).toBe('fast');
    const made = history(0.1);
    made.overran(limits);
    made.record(100, limits);
    expect(made.pace).toBe('slow');
    for (let i = 0; i < 30; i++) made.record(0.1, limits);
    expect(made.pace).toBe('fast');
  });

  it('is kept by the number of a shape', () => {
    const shapes = new ShapeHistories();
    const seven = shapes.get(7);
    expect(shapes.get(3)).not.toBe(seven);
    expect([shapes.get(7), shapes.get(0x7fff)]).toEqual([seven, new DurationHistory()]);
    expect(shapes.get(7)).toBe(seven);
  });
});
