import { parseSync } from 'oxc-parser';
import type { SourceFile } from './files.ts';

/** A node of the syntax tree (ESTree with TypeScript), read by name: the checks look at few of its 180 kinds. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Syntax {
  readonly program: Node;
  /** The line, from 1, of an offset. */
  readonly lineAt: (offset: number) => number;
}

const parsed = new WeakMap<SourceFile, Syntax>();

/** Parses one file, once. Throws if it is no TypeScript: then no check could say anything about it. */
export function parse(file: SourceFile): Syntax {
  const syntax = parsed.get(file) ?? parseAnew(file);
  parsed.set(file, syntax);
  return syntax;
}

function parseAnew(file: SourceFile): Syntax {
  const { program, errors } = parseSync(file.path, file.text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${file.path}: ${error.message}`);
  const ends: number[] = [];
  for (let at = file.text.indexOf('\n'); at !== -1; at = file.text.indexOf('\n', at + 1)) ends.push(at);
  const lineAt = (offset: number): number => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
  return { program: program as unknown as Node, lineAt };
}

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

/** The node at `key`, if there is one. */
export function child(node: Node, key: string): Node | undefined {
  const value = node[key];
  return isNode(value) ? value : undefined;
}

/** The nodes at `key`: of a list, or the only one. */
export function childrenAt(node: Node, key: string): Node[] {
  const value = node[key];
  return (Array.isArray(value) ? value : [value]).filter(isNode);
}

/** All nodes right below, with the key that leads to them. */
export function children(node: Node): { readonly key: string; readonly node: Node }[] {
  return Object.keys(node).flatMap((key) => childrenAt(node, key).map((below) => ({ key, node: below })));
}

/** The text of a name or of a string, else undefined. */
export function nameOf(node: Node | undefined): string | undefined {
  const value = node?.['name'] ?? node?.['value'];
  return typeof value === 'string' ? value : undefined;
}

/** Calls `visit` for each node, parents first. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const below of children(node)) walk(below.node, visit);
}
