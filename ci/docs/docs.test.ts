import { expect, test } from 'vitest';
import { formatFinding } from '../finding.ts';
import { readFile } from '../source/files.ts';
import { commandsOf, deadLinks, unknownCommands } from './docs.ts';
import { fencesOf } from './pages.ts';

const page = {
  path: 'docs/page.md',
  text: [
    'A [link](../package.json#scripts), a [dead one](nowhere.md), a [far one](https://example.org/).',
    '```sh run',
    './mg up',
    './mg frobnicate --now',
    '```',
    '````md',
    '```ts',
    '````',
  ].join('\n'),
};

test('fences keep their place, their marks and what is fenced inside them', () => {
  expect(fencesOf(page)).toEqual([
    { file: 'docs/page.md', line: 3, words: ['sh', 'run'], code: './mg up\n./mg frobnicate --now' },
    { file: 'docs/page.md', line: 7, words: ['md'], code: '```ts' },
  ]);
});

test('a command that the front door does not know is found', () => {
  const known = commandsOf(readFile('mg').text);
  for (const command of ['up', 'down', 'sim', 'bench', 'test', 'check', 'fmt', 'tools', 'help'])
    expect(known).toContain(command);
  expect(unknownCommands(fencesOf(page), known).map(formatFinding)).toEqual([
    'docs/page.md:4: docs: there is no ./mg frobnicate; ./mg help lists what there is',
  ]);
});

test('a link that leads nowhere is found', () => {
  expect(deadLinks(page).map(formatFinding)).toEqual(['docs/page.md:1: docs: the link to nowhere.md leads nowhere']);
});
