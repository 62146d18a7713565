import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const repositoryRoot: string = path.resolve(import.meta.dirname, '../..');

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const leftOut = new Set(['node_modules', 'dist', 'coverage', '.turbo']);

/** Names of all files below a folder, relative to it, in a stable order; without dependencies and build output. */
export function filesBelow(folder: string): string[] {
  const below = (within: string): string[] =>
    readdirSync(path.join(folder, within), { withFileTypes: true }).flatMap((entry) => {
      if (leftOut.has(entry.name)) return [];
      const at = within === '' ? entry.name : `${within}/${entry.name}`;
      return entry.isDirectory() ? below(at) : [at];
    });
  return existsSync(folder) ? below('').toSorted() : [];
}

/** Files below a folder of the repository whose names end in `ending`, generated code included. */
export function readFiles(folder: string, ending: string): SourceFile[] {
  return filesBelow(path.join(repositoryRoot, folder))
    .filter((within) => within.endsWith(ending))
    .map((within) => readFile(`${folder}/${within}`));
}

export function readFile(at: string): SourceFile {
  return { path: at, text: readFileSync(path.join(repositoryRoot, at), 'utf8') };
}

/** The TypeScript of all packages. */
export const packageSources = (): SourceFile[] => readFiles('packages', '.ts').filter(isSource);

const isSource = ({ path: at }: SourceFile): boolean => /^packages\/[^/]+\/src\//.test(at) && !at.endsWith('.d.ts');
