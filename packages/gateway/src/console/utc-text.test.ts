import { expect, it } from 'vitest';
import { utcText } from './utc-text.ts';

it.each([
  [0, '1970-01-01 00:00:00 UTC'],
  [951_782_399_999, '2000-02-28 23:59:59 UTC'],
  [951_782_400_000, '2000-02-29 00:00:00 UTC'],
  [1_709_251_200_000, '2024-03-01 00:00:00 UTC'],
  [1_735_689_599_000, '2024-12-31 23:59:59 UTC'],
  [4_107_542_400_000, '2100-03-01 00:00:00 UTC'],
])('%d ms after the epoch is %s', (ms, text) => {
  expect(utcText(ms)).toBe(text);
});
