import { expect, test } from 'vitest';
import { readNamedSections, readSection, type Section } from './section.ts';
import { count, flag, secret, text, texts } from './setting.ts';

interface Kinds {
  readonly size?: number;
  readonly isOn?: boolean;
  readonly words?: readonly string[];
  readonly password?: string;
}

const kinds: Section<Kinds> = { size: count(1, 9), isOn: flag, words: texts, password: secret(text) };

test('values come by the names that the program uses', () => {
  const problems: string[] = [];
  const table = { size: 3, is_on: false, words: ['a', 'b'], password: 'x' };
  expect(readSection(kinds, 'kinds', table, 'f', problems)).toEqual({
    size: 3,
    isOn: false,
    words: ['a', 'b'],
    password: 'x',
  });
  expect(problems).toEqual([]);
});

test('a value that is secret is not repeated', () => {
  const problems: string[] = [];
  readSection(kinds, 'kinds', { password: 12_345, words: ['a', 1], is_on: 'yes' }, 'f', problems);
  expect(problems).toEqual([
    'kinds.password: must be a string that is not empty',
    'kinds.words: must be a list of strings, not ["a",1]',
    'kinds.is_on: must be true or false, not "yes"',
  ]);
});

test('a section per name: each has its own values, and mistakes carry the name', () => {
  const problems: string[] = [];
  const table = { joe: { size: 1 }, 'a b': { size: 99 }, constructor: 3 };
  const values = readNamedSections(kinds, 'users', table, 'f', problems);
  expect(values.get('joe')).toEqual({ size: 1 });
  expect(problems).toEqual([
    'users."a b".size: must be a whole number from 1 to 9, not 99',
    'users.constructor: must be a section: write [users.constructor], then its settings',
  ]);
});
