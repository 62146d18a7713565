import { consoleSyntaxError } from '../errors.ts';

/** A piece of a statement. `at`: 1-based, in characters of the text, for the error's position. */
export interface Token {
  /** `word`: without quotes, as it was typed. `name`: in double quotes, without them. */
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'symbol';
  readonly text: string;
  readonly at: number;
}

const shapes: readonly (readonly [kind: Token['kind'] | 'space', shape: RegExp])[] = [
  ['space', /\s+|--[^\n\r]*/y],
  ['word', /[A-Za-z_\u0080-\uffff][\w$.\u0080-\uffff]*/y],
  ['number', /[+-]?\d+(?:\.\d*)?(?:[a-zA-Z]+)?/y],
  ['name', /"(?:[^"]|"")*"/y],
  ['string', /'(?:[^']|'')*'/y],
  ['symbol', /[=,()*:]/y],
];

/** Cuts a text into statements at their semicolons, and these into tokens. Throws 42601 at what is none. Empty statements are dropped. */
export function tokenize(text: string): Token[][] {
  const statements: Token[][] = [[]];
  let at = 0;
  while (at < text.length) {
    if (text[at] === ';') {
      statements.push([]);
      at += 1;
    } else if (text.startsWith('/*', at)) at = commentEnd(text, at);
    else at = take(text, at, statements.at(-1) as Token[]);
  }
  return statements.filter((tokens) => tokens.length > 0);
}

function take(text: string, at: number, into: Token[]): number {
  for (const [kind, shape] of shapes) {
    shape.lastIndex = at;
    const found = shape.exec(text)?.[0];
    if (found === undefined) continue;
    if (kind !== 'space') into.push({ kind, text: unquoted(kind, found), at: at + 1 });
    return at + found.length;
  }
  throw consoleSyntaxError(text.slice(at, at + 20).split(/\s/)[0], at + 1);
}

/** Comments nest, as Postgres's do. */
function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith('/*', at)) depth += 1;
    else if (text.startsWith('*/', at)) depth -= 1;
    else continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  throw consoleSyntaxError('/*', start + 1);
}

function unquoted(kind: Token['kind'], text: string): string {
  if (kind === 'name') return text.slice(1, -1).replaceAll('""', '"');
  if (kind === 'string') return text.slice(1, -1).replaceAll("''", "'");
  return text;
}
