import { describe, expect, it } from 'vitest';
import { fuzzBatch } from './batch.ts';

const batches = 12;
const cases = 100;

describe('whatever is said to gateway and pooler, nobody else notices', () => {
  it.each(Array.from({ length: batches }, (_, i) => `ci/${i}`))('batch %s', async (seed) => {
    expect((await fuzzBatch({ seed, cases })).failures).toEqual([]);
  });

  it('the same seed does the same', async () => {
    const options = { seed: 'twice', cases: 30 };
    expect(await fuzzBatch(options)).toEqual(await fuzzBatch(options));
  });
});
