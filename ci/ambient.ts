// Time, dice, sockets, files and the environment are handed in as a World. This check finds what reaches for them past
// the World: whatever it misses, no seed can replay. The tables are in ambient-table.ts.
import { ambientMembers, ambientNames, exceptions, insteadOf, realPackages, type Exception } from './ambient-table.ts';
import type { Finding } from './finding.ts';
import type { SourceFile } from './source/files.ts';
import { freeNames } from './source/free-names.ts';
import { child, nameOf, parse, walk, type Node, type Syntax } from './source/syntax.ts';

interface Use {
  /** A key of `insteadOf`. */
  readonly key: string;
  /** As a reader would say it: `Date.now`. */
  readonly name: string;
  readonly line: number;
}

/** Every ambient thing used outside of the real world, and every exception that is no longer used. */
export function ambient(files: readonly SourceFile[], allowed: readonly Exception[] = exceptions): Finding[] {
  const needed = new Set<string>();
  const found = files.filter(isChecked).flatMap((file) =>
    usesIn(parse(file)).flatMap((use): Finding[] => {
      const exception = allowed.find((each) => each.file.test(file.path) && covers(each, use.key));
      if (exception !== undefined) {
        needed.add(`${exception.file} ${exception.names === 'all' ? 'all' : use.key}`);
        return [];
      }
      return [{ file: file.path, line: use.line, rule: 'ambient', text: `${use.name}; ${insteadOf[use.key]}` }];
    }),
  );
  return [...found, ...unused(allowed, needed)];
}

function isChecked({ path }: SourceFile): boolean {
  const name = /^packages\/([^/]+)\//.exec(path)?.[1] ?? '';
  return !realPackages.has(name) && !/\.(test|bench)\.ts$/.test(path);
}

const covers = ({ names }: Exception, key: string): boolean => names === 'all' || names.includes(key);

function unused(allowed: readonly Exception[], needed: ReadonlySet<string>): Finding[] {
  return allowed.flatMap(({ file, names }) =>
    (names === 'all' ? ['all'] : names)
      .filter((name) => !needed.has(`${file} ${name}`))
      .map((name) => ({
        file: 'ci/ambient-table.ts',
        line: 0,
        rule: 'ambient',
        text: `nothing in ${file} uses ${name === 'all' ? 'anything ambient' : name} any more; remove the exception`,
      })),
  );
}

function usesIn({ program, lineAt }: Syntax): Use[] {
  const uses: Use[] = [];
  const add = (node: Node, key: string, name: string): void => void uses.push({ key, name, line: lineAt(node.start) });
  for (const { name, node, user } of freeNames(program)) {
    const member = memberOf(user, node);
    const full = member === undefined ? name : `${name}.${member}`;
    if (ambientMembers.has(full)) add(node, full, full);
    else if (ambientNames.has(name)) add(node, name, full);
    // Math taken apart or passed on could be anything, its dice included.
    else if (name === 'Math' && member === undefined) add(node, 'Math.random', 'Math as a value');
  }
  walk(program, (node) => addByShape(node, add));
  return uses.toSorted((a, b) => a.line - b.line);
}

/** The member that `user` reads of the global `object`, if its name is plain. */
function memberOf(user: Node, object: Node): string | undefined {
  if (user.type !== 'MemberExpression' || child(user, 'object') !== object) return undefined;
  return nameOf(child(user, 'property'));
}

function addByShape(node: Node, add: (node: Node, key: string, name: string) => void): void {
  if (node.type === 'ForInStatement') add(node, 'for in', 'for (... in ...)');
  if (node.type === 'MetaProperty' && nameOf(child(node, 'meta')) === 'import') add(node, 'import.meta', 'import.meta');
  if (node.type !== 'MemberExpression') return;
  const property = nameOf(child(node, 'property')) ?? '';
  if (property === 'localeCompare' || property === 'nextTick') add(node, property, property);
  if (property.startsWith('toLocale')) add(node, 'toLocale', property);
}
