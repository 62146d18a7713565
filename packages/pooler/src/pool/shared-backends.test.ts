import { expect, it } from 'vitest';
import { sharedBackendsFor } from './shared-backends.ts';

it.each([
  [0.05, 4, 20, 4],
  [0.4, 4, 20, 4],
  [0.6, 4, 20, 8],
  [1.2, 4, 20, 10],
  [100, 4, 20, 10],
  [100, 1, 3, 1],
  [1, 4, 4, 4],
])('reads of %f ms that start from %i of %i backends are spread over %i', (meanMs, base, backendsMax, expected) => {
  expect(sharedBackendsFor(meanMs, base, backendsMax)).toBe(expected);
});
