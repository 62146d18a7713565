// One word per concept. GLOSSARY.md has tables whose last column is headed "not": the words in it, in backticks, are
// used nowhere. `a b` also covers a_b, aB and a-b; a plural counts as the word.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pages } from './docs/pages.ts';
import type { Finding } from './finding.ts';
import { packageSources, readFile, repositoryRoot, type SourceFile } from './source/files.ts';

export interface BannedWord {
  readonly banned: string;
  readonly instead: string;
}

export function words(): Finding[] {
  if (!existsSync(path.join(repositoryRoot, 'GLOSSARY.md'))) {
    return [{ file: 'GLOSSARY.md', line: 0, rule: 'words', text: 'is missing' }];
  }
  const banned = bannedWords(readFile('GLOSSARY.md').text);
  const read = [...packageSources(), ...pages()].filter(
    ({ path: file }) => file !== 'GLOSSARY.md' && !file.includes('/gen/'),
  );
  return read.flatMap((file) => wordsIn(file, banned));
}

/** The rows of all tables with a last column "not": the word in the first column, those in backticks in the last. */
export function bannedWords(glossary: string): BannedWord[] {
  let isListing = false;
  return glossary.split('\n').flatMap((line) => {
    const cells = /^\|(.*)\|\s*$/
      .exec(line)?.[1]
      ?.split('|')
      .map((cell) => cell.trim());
    if (cells === undefined) {
      isListing = false;
      return [];
    }
    const last = cells.at(-1) ?? '';
    if (last.toLowerCase() === 'not') isListing = true;
    if (!isListing) return [];
    const instead = (cells[0] ?? '').replaceAll(/[`*]/g, '');
    return [...last.matchAll(/`([^`]+)`/g)].map(([, banned = '']) => ({ banned: plain(banned).trim(), instead }));
  });
}

export function wordsIn(file: SourceFile, banned: readonly BannedWord[]): Finding[] {
  return file.text.split('\n').flatMap((line, index) => {
    const text = plain(line);
    return banned
      .filter((word) => text.includes(` ${word.banned} `) || text.includes(` ${word.banned}s `))
      .map((word) => ({
        file: file.path,
        line: index + 1,
        rule: 'words',
        text: `"${word.banned}"; our word is "${word.instead}" (GLOSSARY.md)`,
      }));
  });
}

/**
 * Lower-case words between single spaces: names are taken apart at their humps, dashes and underscores, while any other
 * mark stands between words that do not belong together.
 */
function plain(text: string): string {
  const apart = text.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll(/[\s_-]+/g, ' ');
  return ` ${apart
    .replaceAll(/[^A-Za-z0-9 ]+/g, ' | ')
    .toLowerCase()
    .replaceAll(/ +/g, ' ')
    .trim()} `;
}
