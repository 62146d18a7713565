import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { Histogram } from './histogram.ts';

const values = fc.array(fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 2 ** 34 })), {
  minLength: 1,
  maxLength: 200,
});

function histogramOf(all: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of all) histogram.record(value);
  return histogram;
}

test.prop([values, fc.double({ min: 0, max: 1, noNaN: true })])(
  'a quantile is within 0.8 % of the one of the sorted values',
  (all, share) => {
    const sorted = all.toSorted((a, b) => a - b);
    const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
    expect(Math.abs(histogramOf(all).quantileUs(share) - exact)).toBeLessThanOrEqual(exact * 0.008);
  },
);

test.prop([values, values])('parts that are added up are the whole', (left, right) => {
  const sum = new Histogram();
  sum.add(histogramOf(left).toRecord());
  sum.add(histogramOf(right).toRecord());
  expect(sum.toRecord()).toEqual(histogramOf([...left, ...right]).toRecord());
});

test.prop([values])('the mean and the largest value are exact', (all) => {
  const histogram = histogramOf(all);
  expect(histogram.maxUs).toBe(Math.max(...all));
  expect(histogram.meanUs).toBeCloseTo(all.reduce((sum, value) => sum + value, 0) / all.length, 3);
});
