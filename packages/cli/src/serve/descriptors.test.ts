import { expect, it } from 'vitest';
import { sessionsThatFit } from './descriptors.ts';

it('no more sessions are let in than there are descriptors for, less those of others', () => {
  expect(sessionsThatFit(100_000, 1024, 80)).toBe(744);
  expect(sessionsThatFit(100, 1024, 80)).toBe(100);
  expect(sessionsThatFit(100, 64, 80)).toBe(1);
  for (const unlimited of [Number.NaN, Infinity]) expect(sessionsThatFit(100, unlimited, 80)).toBe(100);
});
