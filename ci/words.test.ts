import { expect, test } from 'vitest';
import { formatFinding } from './finding.ts';
import { bannedWords, wordsIn } from './words.ts';

const glossary = `
| word | meaning | not |
|---|---|---|
| **standby** | replays the log | \`slave\`, \`read replica\` |
| gateway | the front | |

| other | table |
|---|---|
| a | \`fine\` |
`;
const banned = bannedWords(glossary);

test('the glossary tells its banned words and what to say instead', () => {
  expect(banned).toEqual([
    { banned: 'slave', instead: 'standby' },
    { banned: 'read replica', instead: 'standby' },
  ]);
});

test('a banned word is found as a word, in names and in plural, and told with its place', () => {
  const verdict = (text: string): string[] => wordsIn({ path: 'a.ts', text }, banned).map(formatFinding);
  expect(verdict('\nconst a = slaveCount;')).toEqual(['a.ts:2: words: "slave"; our word is "standby" (GLOSSARY.md)']);
  expect(verdict('readReplicas()')).toHaveLength(1);
  expect(verdict('READ_REPLICA')).toHaveLength(1);
  expect(verdict('// the slaves')).toHaveLength(1);
  expect(verdict('the "read replica", is')).toHaveLength(1);
  expect(verdict('read.replica')).toEqual([]);
  expect(verdict('enslaved, fine, a read of the replica')).toEqual([]);
});
