// Which package may import what. The table is arrow-table.ts; this file holds it against the imports of every file.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  insteadOfNode,
  insteadOfOtherNode,
  places,
  realTestLibraries,
  testEntries,
  testLibraries,
  type Place,
} from './arrow-table.ts';
import type { Finding } from './finding.ts';
import { repositoryRoot, type SourceFile } from './source/files.ts';
import { importsOf, type Import } from './source/imports.ts';
import { parse } from './source/syntax.ts';

interface Importer {
  readonly package: string;
  readonly place: Place;
  /** Below the package's src. */
  readonly within: string;
  readonly path: string;
  readonly kind: 'product' | 'test' | 'realTest';
}

/** Every import that the picture does not allow. */
export function arrows(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const importer = importerOf(file.path);
    if (typeof importer === 'string') return [{ file: file.path, line: 0, rule: 'arrows', text: importer }];
    return importsOf(parse(file)).flatMap((each) => {
      const text = refusal(importer, each);
      return text === undefined ? [] : [{ file: file.path, line: each.line, rule: 'arrows', text }];
    });
  });
}

function importerOf(file: string): Importer | string {
  const [, name = '', within = ''] = /^packages\/([^/]+)\/src\/(.+)$/.exec(file) ?? [];
  const place = places[name];
  if (place === undefined) return `the package ${name} has no place in the picture; give it one in ci/arrow-table.ts`;
  return { package: name, place, within, path: file, kind: kindOf(within) };
}

function kindOf(within: string): Importer['kind'] {
  if (/\.pg\.test\.ts$|\.bench\.ts$/.test(within)) return 'realTest';
  const isTest = within.endsWith('.test.ts') || /(^|\/)(testing|contract|quiet|fake)\//.test(within);
  return isTest ? 'test' : 'product';
}

function refusal(importer: Importer, { from, names }: Import): string | undefined {
  if (from === '') return 'a computed import cannot be checked; write the module as a plain string';
  if (/^[./]|^file:/.test(from)) return relativeRefusal(importer, from);
  const [, ours, entry] = /^@multigres\/([^/]+)(?:\/(.*))?$/.exec(from) ?? [];
  if (ours !== undefined) return ourRefusal(importer, ours, entry) ?? machineRefusal(importer, names);
  if (from.startsWith('node:') || bareNode.has(from.split('/')[0] ?? '')) return nodeRefusal(importer, from);
  return libraryRefusal(importer, from);
}

function relativeRefusal(importer: Importer, from: string): string | undefined {
  const target = path.posix.relative('/', path.posix.resolve('/', path.posix.dirname(importer.path), from));
  const own = `packages/${importer.package}/src/`;
  if (target.startsWith(own)) return undefined;
  return `${from} leaves the package; import @multigres/<name>, and export there what others may use`;
}

function ourRefusal(importer: Importer, target: string, entry: string | undefined): string | undefined {
  const place = places[target];
  if (place === undefined) return `there is no package @multigres/${target} in the picture (ci/arrow-table.ts)`;
  if (target === importer.package) return `import files of the own package by their relative path`;
  if (entry !== undefined) {
    const refused = entryRefusal(importer, target, entry);
    if (refused !== undefined) return refused;
  }
  if (importer.place.packages.includes(target)) return undefined;
  if (importer.kind === 'realTest' && target === 'host') return undefined;
  return `${importer.package} imports @multigres/${target}; ${whereInstead(importer, target, place)}`;
}

function entryRefusal(importer: Importer, target: string, entry: string): string | undefined {
  if (!entriesOf(target).has(entry)) {
    return `@multigres/${target}/${entry} reaches into another package; import @multigres/${target}, and export there what others may use`;
  }
  if (!testEntries.has(entry) || importer.kind !== 'product') return undefined;
  return `@multigres/${target}/${entry} is for tests; product code takes the World that it is given`;
}

/** What a package exports besides its index, by its package.json. */
function entriesOf(name: string): ReadonlySet<string> {
  const text = readFileSync(path.join(repositoryRoot, 'packages', name, 'package.json'), 'utf8');
  const { exports = {} } = JSON.parse(text) as { exports?: Record<string, unknown> };
  return new Set(Object.keys(exports).map((key) => key.replace(/^\.\/?/, '')));
}

function whereInstead(importer: Importer, target: string, place: Place): string {
  const { layer } = importer.place;
  if (layer === 'ground') return 'core is the ground and imports nothing of ours; what it needs must be handed in';
  if (layer === 'edge' && place.layer === 'edge') {
    return 'edges never import each other; what both need belongs below them, in host or a knowledge package';
  }
  if (layer === 'role' && place.layer === 'role') {
    return 'roles never import each other; they speak rpc and the relay protocol, and what both know belongs in a knowledge package';
  }
  if (place.layer === 'world') {
    return 'the world is handed in: take a World (core/world/world.ts), which cli makes from host and sim from the weather';
  }
  if (layer === 'world') {
    return `${importer.package} implements the ports of core, rpc and topology and knows no role; assemblies live in cli`;
  }
  if (layer === 'knowledge') {
    return `knowledge stands on core alone; what ${target} and ${importer.package} both need belongs in core`;
  }
  return `the picture has no such arrow; see ci/arrow-table.ts`;
}

const ports = new Set(['World', 'Clock', 'Timer', 'Disk', 'Network', 'Connection', 'Processes', 'Random', 'Telemetry']);

function machineRefusal(importer: Importer, names: readonly string[]): string | undefined {
  if (!importer.within.endsWith('.machine.ts')) return undefined;
  const port = names.find((name) => ports.has(name));
  if (port === undefined) return undefined;
  return `a machine imports ${port}; time and results arrive in events, and the driver beside it owns the world`;
}

const bareNode = new Set(Object.keys(insteadOfNode));
const readsFixtures = new Set(['node:fs', 'node:path', 'node:url', 'node:fs/promises']);

function nodeRefusal(importer: Importer, from: string): string | undefined {
  const { node } = importer.place;
  if (!from.startsWith('node:'))
    return `${from} is a module of Node's; if it is allowed here at all, write node:${from}`;
  if (node === 'everywhere' || importer.kind === 'realTest') return undefined;
  if (node !== 'nowhere' && node.some((file) => file.test(importer.within))) return undefined;
  if (importer.within.endsWith('.test.ts') && readsFixtures.has(from)) return undefined;
  const name = from.replace(/^node:/, '').split('/')[0] ?? '';
  return `${importer.package} imports ${from}; ${insteadOfNode[name] ?? insteadOfOtherNode}`;
}

function libraryRefusal(importer: Importer, from: string): string | undefined {
  const name = from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
  const allowed = [
    ...importer.place.libraries,
    ...(importer.kind === 'product' ? [] : testLibraries),
    ...(importer.kind === 'realTest' ? realTestLibraries : []),
  ];
  if (allowed.includes(name)) return undefined;
  return `${importer.package} imports ${name}; libraries with I/O belong in host, others are allowed one by one in ci/arrow-table.ts`;
}
