import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const repositoryRoot: string = path.resolve(import.meta.dirname, '../..');

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const leftOut = new Set(['node_modules', 'dist', 'coverage', '.turbo']);

/** Files below the given folders whose names end in one of `endings`, in a stable order, generated code included. */
export function readFiles(folders: readonly string[], endings: readonly string[]): SourceFile[] {
  const below = (folder: string): string[] =>
    readdirSync(path.join(repositoryRoot, folder), { withFileTypes: true }).flatMap((entry) => {
      if (leftOut.has(entry.name)) return [];
      const at = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return below(at);
      return endings.some((ending) => entry.name.endsWith(ending)) ? [at] : [];
    });
  const paths = folders.filter((folder) => existsSync(path.join(repositoryRoot, folder))).flatMap(below);
  return paths.toSorted().map((at) => ({ path: at, text: readFileSync(path.join(repositoryRoot, at), 'utf8') }));
}

/** The TypeScript of all packages. */
export const packageSources = (): SourceFile[] => readFiles(['packages'], ['.ts']).filter(isSource);

const isSource = ({ path: at }: SourceFile): boolean => /^packages\/[^/]+\/src\//.test(at) && !at.endsWith('.d.ts');
