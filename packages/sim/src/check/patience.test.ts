import { expect, it } from 'vitest';
import { servedWithinMs } from './patience.ts';

it('a small pool makes wait for all others, one behind the other, and a large one for few', () => {
  const crowd = { pools: 2, users: 10, slowestMs: 800 };
  expect(servedWithinMs({ ...crowd, backendsMax: 4, poolBackendsMax: 2 })).toBe(9_000);
  expect(servedWithinMs({ ...crowd, backendsMax: 4, poolBackendsMax: 1 })).toBe(9_000);
  expect(servedWithinMs({ ...crowd, backendsMax: 6, poolBackendsMax: 8 })).toBe(5_000);
  expect(servedWithinMs({ ...crowd, backendsMax: 40, poolBackendsMax: 20 })).toBe(1_800);
});
