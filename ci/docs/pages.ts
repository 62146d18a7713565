import { existsSync } from 'node:fs';
import path from 'node:path';
import { readFile, readFiles, repositoryRoot, type SourceFile } from '../source/files.ts';

/** What people read: the README, docs, and each package's README. */
export function pages(): SourceFile[] {
  const single = ['README.md', 'GLOSSARY.md', 'ci/README.md'].filter((file) =>
    existsSync(path.join(repositoryRoot, file)),
  );
  const packagePages = readFiles('packages', '.md').filter((page) => /^packages\/[^/]+\/README\.md$/.test(page.path));
  return [...single.map(readFile), ...readFiles('docs', '.md'), ...readFiles('scenarios', '.md'), ...packagePages];
}

/** A fenced piece of code in a page. */
export interface Fence {
  readonly file: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  /** The words after the opening marks: the language, then marks of ours such as `run`. */
  readonly words: readonly string[];
  readonly code: string;
}

export function fencesOf({ path: file, text }: SourceFile): Fence[] {
  const lines = text.split('\n');
  const fences: Fence[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, marks, info] = /^(`{3,})\s*(.*)$/.exec(lines[at] ?? '') ?? [];
    if (marks === undefined || info === undefined) continue;
    const end = lines.findIndex((line, index) => index > at && line.startsWith(marks));
    const close = end === -1 ? lines.length : end;
    const code = lines.slice(at + 1, close).join('\n');
    fences.push({ file, line: at + 2, words: info.split(/\s+/).filter(Boolean), code });
    at = close;
  }
  return fences;
}
