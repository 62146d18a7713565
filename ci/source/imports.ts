import { child, childrenAt, nameOf, walk, type Node, type Syntax } from './syntax.ts';

export interface Import {
  /** As written: `@multigres/core`, `node:fs`, `./x.ts`. Empty if it is computed. */
  readonly from: string;
  readonly line: number;
  /** The names that are taken, by their names over there. */
  readonly names: readonly string[];
}

/** Whatever brings in another module: import, export from, import(), import types. */
export function importsOf({ program, lineAt }: Syntax): Import[] {
  const found: Import[] = [];
  walk(program, (node) => {
    const source = sourceOf(node);
    if (source === undefined) return;
    const names = childrenAt(node, 'specifiers').map(takenName);
    found.push({ from: nameOf(source) ?? '', line: lineAt(node.start), names });
  });
  return found;
}

const importing = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
  'TSExternalModuleReference',
]);

function sourceOf(node: Node): Node | undefined {
  if (importing.has(node.type)) return child(node, 'source') ?? child(node, 'expression');
  const callsRequire = node.type === 'CallExpression' && nameOf(child(node, 'callee')) === 'require';
  return callsRequire ? childrenAt(node, 'arguments')[0] : undefined;
}

const takenName = (specifier: Node): string =>
  nameOf(child(specifier, 'imported')) ?? nameOf(child(specifier, 'local')) ?? '*';
