import { hasSqlDetails, loadModule, parseSync, type Node } from 'libpg-query';

import { syntaxError } from '../errors.ts';

/** One statement of a text: `[kind, body]` of the grammar's node. */
export interface Statement {
  readonly kind: string;
  readonly node: Node;
  readonly source: Source;
  /** The statement's own text. */
  readonly text: string;
}

/** The whole text that a client sent; positions in messages count its characters. */
export class Source {
  readonly text: string;
  #offsets: number[] | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** 1-based position in characters of a byte offset from the grammar; undefined if it knows none. */
  position(location: number | undefined): number | undefined {
    if (location === undefined || location < 0) return undefined;
    this.#offsets ??= characterOffsets(this.text);
    return this.#offsets.length === 0 ? location + 1 : (this.#offsets[location] ?? location) + 1;
  }

  slice(location: number, length: number): string {
    this.#offsets ??= characterOffsets(this.text);
    if (this.#offsets.length === 0) return this.text.slice(location, length === 0 ? undefined : location + length);
    const characters = [...this.text];
    const end = length === 0 ? undefined : this.#offsets[location + length];
    return characters.slice(this.#offsets[location], end).join('');
  }
}

/** For each byte of the UTF-8 text the number of its character; empty if they are all one byte long. */
function characterOffsets(text: string): number[] {
  // oxlint-disable-next-line no-control-regex -- the range of ASCII is meant
  if (/^[\0-\x7f]*$/.test(text)) return [];
  const offsets: number[] = [];
  let character = 0;
  for (const point of text) {
    const code = point.codePointAt(0) as number;
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let i = 0; i < bytes; i++) offsets.push(character);
    character += 1;
  }
  offsets.push(character);
  return offsets;
}

const cache: Map<string, readonly Statement[]> = new Map();
const cachedMax = 5000;
const cachedLengthMax = 10_000;

/** Loads PostgreSQL's grammar; to be awaited once before the first `parseStatements`. */
export async function loadGrammar(): Promise<void> {
  await loadModule();
}

/** Parses with PostgreSQL's own grammar. Throws 42601 with the position. The same text gives the same array. */
export function parseStatements(text: string): readonly Statement[] {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const statements = parseUncached(text);
  if (text.length <= cachedLengthMax) {
    // Parsing is a function of the text, so forgetting at any moment changes nothing but the time.
    if (cache.size >= cachedMax) cache.clear();
    cache.set(text, statements);
  }
  return statements;
}

function parseUncached(text: string): readonly Statement[] {
  if (/^[\s;]*$/.test(text)) return [];
  const source = new Source(text);
  try {
    const { stmts } = parseSync(text);
    return (stmts ?? []).flatMap(({ stmt, stmt_location, stmt_len }) =>
      stmt === undefined
        ? []
        : [{ kind: kindOf(stmt), node: stmt, source, text: source.slice(stmt_location ?? 0, stmt_len ?? 0).trim() }],
    );
  } catch (error) {
    throw asSyntaxError(error);
  }
}

function asSyntaxError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const cursor = hasSqlDetails(error) ? error.sqlDetails?.cursorPosition : undefined;
  return syntaxError(error.message, cursor === undefined ? undefined : cursor + 1);
}

/** The name of a node: the one key of its wrapper. */
export function kindOf(node: Node): string {
  return Object.keys(node)[0] as string;
}

/** The inside of a node, as the type that its kind promises. */
export function bodyOf<T>(node: Node): T {
  return Object.values(node)[0] as T;
}

/** The text of a String node. */
export function stringOf(node: Node | undefined): string {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : '';
}
