import { expect, it } from 'vitest';
import { ClassificationCache } from './classification-cache.ts';

it('classifies a text once and then remembers the very same answer', () => {
  const cache = new ClassificationCache();
  const first = cache.classify('SELECT 1');
  expect(cache.classify('SELECT 1')).toBe(first);
  expect([cache.hits, cache.misses]).toEqual([1, 1]);
});

it('never holds more entries or characters than it may', () => {
  const cache = new ClassificationCache({ entriesMax: 10, charactersMax: 100 });
  for (let i = 0; i < 1000; i++) {
    cache.classify(`SELECT ${i}${' '.repeat(i % 30)}`);
    expect(cache.entries).toBeLessThanOrEqual(10);
    expect(cache.characters).toBeLessThanOrEqual(100);
  }
  expect(cache.entries).toBeGreaterThan(1);
});

it('keeps what is asked for again while others come and go', () => {
  const cache = new ClassificationCache({ entriesMax: 10 });
  const hot = cache.classify('SELECT hot');
  for (let i = 0; i < 100; i++) {
    cache.classify(`SELECT ${i}`);
    if (i % 3 === 0) expect(cache.classify('SELECT hot')).toBe(hot);
  }
});

it('does not keep long texts', () => {
  const cache = new ClassificationCache({ textCharactersMax: 20 });
  const long = `SELECT ${'1'.repeat(50)}`;
  expect(cache.classify(long)).not.toBe(cache.classify(long));
  expect(cache.entries).toBe(0);
});

it('does not mix up readings of a backslash', () => {
  const cache = new ClassificationCache();
  const text = "SELECT '\\'; LISTEN x; --'";
  expect(cache.classify(text).statements).toBe(2);
  expect(cache.classify(text, false).statements).toBe(1);
  expect(cache.classify(text).statements).toBe(2);
  expect(cache.classify('SELECT 1', false)).toBe(cache.classify('SELECT 1', true));
});

it('forgets everything when it is cleared', () => {
  const cache = new ClassificationCache();
  const first = cache.classify('SELECT 1');
  cache.clear();
  expect(cache.classify('SELECT 1')).not.toBe(first);
  expect(cache.entries).toBe(1);
});
