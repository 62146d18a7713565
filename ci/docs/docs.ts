// Docs that lie are worse than none: examples compile, commands exist, links lead somewhere. Fences that open with
// ```sh run are also executed, by ./mg test.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { at, compilerFindings, orWhole } from '../checks/tools.ts';
import type { Finding } from '../finding.ts';
import { runCommand } from '../run-command.ts';
import { readFiles, repositoryRoot, type SourceFile } from '../source/files.ts';
import { fencesOf, pages, type Fence } from './pages.ts';

export async function docs(): Promise<Finding[]> {
  const all = pages();
  const fences = all.flatMap(fencesOf);
  const missing = all.some((page) => page.path === 'README.md') ? [] : [at('README.md', 0, 'docs', 'is missing')];
  return [
    ...missing,
    ...all.flatMap(deadLinks),
    ...unknownCommands(fences, commandsOf(readFileSync(path.join(repositoryRoot, 'mg'), 'utf8'))),
    ...(await typeErrors(fences.filter(({ words }) => words[0] === 'ts'))),
  ];
}

export function deadLinks(page: SourceFile): Finding[] {
  const folder = path.join(repositoryRoot, path.dirname(page.path));
  return page.text.split('\n').flatMap((line, index) =>
    [...line.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target.replace(/#.*$/, ''))
      .filter((target) => target !== '' && !/^[a-z]+:/.test(target) && !existsSync(path.resolve(folder, target)))
      .map((target) => at(page.path, index + 1, 'docs', `the link to ${target} leads nowhere`)),
  );
}

/** The words that `mg` answers to, from its own case list. */
export function commandsOf(mg: string): ReadonlySet<string> {
  const cases = mg.slice(mg.indexOf('case $command in'));
  return new Set(
    [...cases.matchAll(/^ {2}([a-z -]+(?:\| [a-z-]+ ?)*)\)/gm)].flatMap(([, names = '']) => names.split(/[\s|]+/)),
  );
}

export function unknownCommands(fences: readonly Fence[], known: ReadonlySet<string>): Finding[] {
  const shell = fences.filter(({ words }) => ['sh', 'bash', 'console'].includes(words[0] ?? ''));
  return shell.flatMap(({ file, line, code }) =>
    code
      .split('\n')
      .flatMap((text, index) =>
        [...text.matchAll(/\.\/mg ([a-z-]+)/g)]
          .filter(([, command = '']) => !known.has(command))
          .map(([, command]) =>
            at(file, line + index, 'docs', `there is no ./mg ${command}; ./mg help lists what there is`),
          ),
      ),
  );
}

/** Compiles the examples as modules of their own, against the packages' sources. */
async function typeErrors(fences: readonly Fence[]): Promise<Finding[]> {
  if (fences.length === 0) return [];
  const folder = path.join(repositoryRoot, 'node_modules/.cache/docs');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  fences.forEach(({ code }, index) => writeFileSync(path.join(folder, `example-${index}.ts`), `${code}\nexport {};\n`));
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(compilerSettings()));
  const { code, stdout, stderr } = await runCommand('tsc', ['-p', folder, '--pretty', 'false']);
  if (code === 0) return [];
  return orWhole(
    'docs',
    stdout + stderr,
    compilerFindings('docs', stdout).map((finding) => inPage(finding, fences)),
  );
}

function inPage(finding: Finding, fences: readonly Fence[]): Finding {
  const fence = fences[Number(/example-(\d+)\.ts$/.exec(finding.file)?.[1])];
  return fence === undefined ? finding : { ...finding, file: fence.file, line: fence.line + finding.line - 1 };
}

const compilerSettings = (): object => ({
  extends: '../../../tsconfig.base.json',
  compilerOptions: {
    noEmit: true,
    composite: false,
    incremental: false,
    isolatedDeclarations: false,
    noUnusedLocals: false,
    types: ['node'],
    paths: entryPoints(),
  },
  include: ['*.ts'],
});

/** What `@multigres/...` means: the sources that the packages export. */
function entryPoints(): Record<string, string[]> {
  const manifests = readFiles('packages', 'package.json').filter((file) => file.path.split('/').length === 3);
  return Object.fromEntries(
    manifests.flatMap(({ path: file, text }) => {
      const { name, exports } = JSON.parse(text) as Manifest;
      return Object.entries(exports).map(([entry, { '@multigres/source': source }]) => [
        path.posix.join(name, entry),
        [path.posix.join('../../..', path.dirname(file), source)],
      ]);
    }),
  ) as Record<string, string[]>;
}

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, { readonly '@multigres/source': string }>>;
}
