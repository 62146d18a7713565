import { describe, expect, it } from 'vitest';
import { bucketBoundsSeconds, bucketOf, DurationHistogram } from './duration-histogram.ts';

describe('a histogram of durations', () => {
  it('puts every duration into the first bucket whose bound is not below it', () => {
    const interesting = bucketBoundsSeconds.flatMap((bound) => {
      const us = Math.round(bound * 1e6);
      return [us - 1, us, us + 1];
    });
    for (const us of [0, 1, ...interesting, 0x7fff_ffff]) {
      const first = bucketBoundsSeconds.findIndex((bound) => us <= Math.round(bound * 1e6));
      expect([us, bucketOf(us)]).toEqual([us, first < 0 ? bucketBoundsSeconds.length : first]);
    }
  });

  it('has bounds that rise by at most a half, from 32 us to 67 s', () => {
    expect([bucketBoundsSeconds[0], bucketBoundsSeconds.at(-1)]).toEqual([0.000_032, 67.108_864]);
    for (let i = 1; i < bucketBoundsSeconds.length; i++) {
      const ratio = (bucketBoundsSeconds[i] as number) / (bucketBoundsSeconds[i - 1] as number);
      expect(ratio > 1.3 && ratio <= 1.5 + 1e-9).toBe(true);
    }
  });

  it('reads quantiles to a bucket, and 0 from nothing', () => {
    const histogram = new DurationHistogram();
    expect(histogram.quantileSeconds(0.99)).toBe(0);
    for (let ms = 1; ms <= 1000; ms++) histogram.recordMs(ms);
    for (const q of [0.1, 0.5, 0.9, 0.99]) {
      expect(Math.abs(histogram.quantileSeconds(q) / q - 1)).toBeLessThan(0.2);
    }
  });
});
