import { child, children, childrenAt, nameOf, type Node } from './syntax.ts';

export interface FreeName {
  readonly name: string;
  readonly node: Node;
  /** The node that uses it, such as the member access in `Date.now`. */
  readonly user: Node;
}

/**
 * The names that a program uses and does not declare itself: its ambient globals. Types are left out, for a type has
 * no effect. Follows the scopes of ECMA-262: what is declared in a block is free outside of it.
 */
export function freeNames(program: Node): FreeName[] {
  const found: FreeName[] = [];
  visit(program, program, [], found);
  return found;
}

type Scopes = readonly ReadonlySet<string>[];

function visit(node: Node, user: Node, scopes: Scopes, found: FreeName[]): void {
  if (isTypeOnly(node)) return;
  if (node.type === 'Identifier') {
    const name = nameOf(node) ?? '';
    if (!scopes.some((scope) => scope.has(name))) found.push({ name, node, user });
  }
  const inner = opensScope(node) ? [...scopes, declaredIn(node)] : scopes;
  for (const below of children(node)) if (!isMereName(node, below.key)) visit(below.node, node, inner, found);
}

/** Wrappers that TypeScript adds around an expression; every other TS node is a type or an ambient declaration. */
const typedExpressions = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
  'TSExportAssignment',
  'TSParameterProperty',
]);

function isTypeOnly(node: Node): boolean {
  if (node.type.startsWith('TS')) return !typedExpressions.has(node.type);
  return node['declare'] === true || node.type === 'ImportDeclaration' || node['exportKind'] === 'type';
}

/** Names that name a property or a label, not a variable. */
function isMereName(node: Node, key: string): boolean {
  switch (node.type) {
    case 'MemberExpression':
      return key === 'property' && node['computed'] !== true;
    case 'Property':
    case 'MethodDefinition':
    case 'PropertyDefinition':
    case 'AccessorProperty':
      return key === 'key' && node['computed'] !== true;
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return key === 'label';
    case 'ExportSpecifier':
      return key === 'exported';
    case 'ExportAllDeclaration':
    case 'MetaProperty':
      return true;
    case 'ExportNamedDeclaration':
      return key === 'specifiers' && child(node, 'source') !== undefined;
    default:
      return false;
  }
}

const scopeTypes = new Set([
  'Program',
  'BlockStatement',
  'StaticBlock',
  'SwitchStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'CatchClause',
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassDeclaration',
  'ClassExpression',
]);

const opensScope = (node: Node): boolean => scopeTypes.has(node.type);

/** What a scope declares. `var` does not occur here (oxlint refuses it), so no declaration leaves its block. */
function declaredIn(scope: Node): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (pattern: Node | undefined): void => {
    if (pattern !== undefined) for (const name of boundNames(pattern)) names.add(name);
  };
  // A function and a class know their own names inside; parameters and caught errors belong to the body.
  for (const key of ['id', 'params', 'param']) for (const pattern of childrenAt(scope, key)) add(pattern);
  const statements = ['body', 'init', 'left', 'cases'].flatMap((key) => childrenAt(scope, key));
  for (const statement of statements.flatMap((each) =>
    each.type === 'SwitchCase' ? childrenAt(each, 'consequent') : [each],
  )) {
    for (const declared of declarationsOf(statement)) add(declared);
  }
  return names;
}

function declarationsOf(statement: Node): readonly (Node | undefined)[] {
  const inner = statement.type.startsWith('Export') ? (child(statement, 'declaration') ?? statement) : statement;
  // `declare` speaks of what somebody else provides.
  if (inner['declare'] === true) return [];
  switch (inner.type) {
    case 'VariableDeclaration':
      return childrenAt(inner, 'declarations').map((each) => child(each, 'id'));
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return [child(inner, 'id')];
    case 'ImportDeclaration':
      return childrenAt(inner, 'specifiers').map((each) => child(each, 'local'));
    default:
      return [];
  }
}

function boundNames(pattern: Node): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [nameOf(pattern) ?? ''];
    case 'AssignmentPattern':
      return childrenAt(pattern, 'left').flatMap(boundNames);
    case 'RestElement':
      return childrenAt(pattern, 'argument').flatMap(boundNames);
    case 'ArrayPattern':
      return childrenAt(pattern, 'elements').flatMap(boundNames);
    case 'ObjectPattern':
      return childrenAt(pattern, 'properties').flatMap(boundNames);
    case 'Property':
      return childrenAt(pattern, 'value').flatMap(boundNames);
    case 'TSParameterProperty':
      return childrenAt(pattern, 'parameter').flatMap(boundNames);
    default:
      return [];
  }
}
