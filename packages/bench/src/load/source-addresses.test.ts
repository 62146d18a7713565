import { expect, test } from 'vitest';
import { sourceAddresses } from './source-addresses.ts';

test('as long as one address has ports enough, the system chooses', () => {
  expect(sourceAddresses(20_000, 28_232)).toEqual([]);
});

test('more connections come from more addresses', () => {
  expect(sourceAddresses(50_000, 28_232)).toEqual(['127.0.0.1', '127.0.0.2', '127.0.0.3']);
});

test('too many connections are refused before the run, with the remedy', () => {
  expect(() => sourceAddresses(50_000, 100)).toThrow(/need more ports/);
});
