import { describe, expect, it } from 'vitest';
import { ByteCache } from './byte-cache.ts';
import { utf8 } from './bytes.ts';

const put = (cache: ByteCache<string>, key: string): void => {
  const bytes = utf8(`..${key}.`);
  cache.set(bytes, 2, bytes.length - 1, key);
};
const ask = (cache: ByteCache<string>, key: string): string | undefined => {
  const bytes = utf8(`.${key}..`);
  return cache.get(bytes, 1, bytes.length - 2);
};

describe('a cache by bytes', () => {
  it('finds a value by equal bytes wherever they stand, and by no others', () => {
    const cache = new ByteCache<string>(100, 100);
    for (const key of ['', 'a', 'ab', 'b']) put(cache, key);
    expect(['', 'a', 'ab', 'b', 'ba', 'abc'].map((key) => ask(cache, key))).toEqual([
      '',
      'a',
      'ab',
      'b',
      undefined,
      undefined,
    ]);
  });

  it('keeps no more than it may, and longest what is asked for', () => {
    const cache = new ByteCache<string>(20, 100);
    put(cache, 'often');
    for (let i = 0; i < 1000; i++) {
      put(cache, `key ${i}`);
      expect(ask(cache, 'often')).toBe('often');
      expect(cache.size).toBeLessThanOrEqual(20);
    }
    expect(ask(cache, 'key 999')).toBe('key 999');
    expect(ask(cache, 'key 900')).toBeUndefined();
  });

  it('takes no long keys', () => {
    const cache = new ByteCache<string>(10, 4);
    put(cache, '12345');
    put(cache, '1234');
    expect([ask(cache, '12345'), ask(cache, '1234')]).toEqual([undefined, '1234']);
  });

  it('never takes one key for another when their hashes are equal', () => {
    // 2^16 short keys collide in 30 bits.
    const cache = new ByteCache<string>(1 << 20, 8);
    for (let i = 0; i < 1 << 17; i++) put(cache, i.toString(36));
    let wrong = 0;
    for (let i = 0; i < 1 << 17; i++) if (![i.toString(36), undefined].includes(ask(cache, i.toString(36)))) wrong++;
    expect(wrong).toBe(0);
  });
});
