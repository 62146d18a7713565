/** synchronous_standby_names, read. */
export interface SyncNames {
  readonly method: 'any' | 'first';
  readonly count: number;
  /** In lower case; `*` is everybody. */
  readonly names: readonly string[];
}

/** What is wrong with a list: the word where it stopped making sense, or that nobody would be waited for. */
export type BadSyncNames =
  | { readonly kind: 'syntax'; readonly detail: string }
  | { readonly kind: 'count'; readonly count: number };

interface Token {
  readonly kind: 'name' | 'number' | 'mark' | 'end' | 'bad';
  /** As it stands there. */
  readonly text: string;
  readonly value: string;
}

const pattern = /\s*(?:("(?:[^"]|"")*"?)|(\d+)|([A-Za-z_][\w$]*|\*)|(\S))/gy;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, quoted, number, name, mark] = match;
    if (quoted !== undefined) tokens.push(quotedToken(quoted));
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, value: number });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, value: name.toLowerCase() });
    else tokens.push({ kind: 'mark', text: mark as string, value: mark as string });
  }
  return [...tokens, { kind: 'end', text: '', value: '' }];
}

function quotedToken(text: string): Token {
  const closed = text.length > 1 && text.endsWith('"') && /^"(?:[^"]|"")*"$/.test(text);
  if (!closed) return { kind: 'bad', text: '', value: '' };
  return { kind: 'name', text, value: text.slice(1, -1).replaceAll('""', '"').toLowerCase() };
}

/** Reads the tokens one after the other (PostgreSQL's syncrep_gram.y). */
class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  peek(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? { kind: 'end', text: '', value: '' };
  }

  take(): Token {
    const token = this.peek();
    this.#at += 1;
    return token;
  }

  takeMark(mark: string): boolean {
    if (this.peek().kind !== 'mark' || this.peek().value !== mark) return false;
    this.#at += 1;
    return true;
  }

  /** Names and numbers, separated by commas; undefined where one is missing. */
  names(): string[] | undefined {
    const names: string[] = [];
    do {
      const { kind } = this.peek();
      if (kind !== 'name' && kind !== 'number') return undefined;
      names.push(this.take().value);
    } while (this.takeMark(','));
    return names;
  }

  get complaint(): BadSyncNames {
    const { kind, text } = this.peek();
    if (kind === 'bad') return { kind: 'syntax', detail: 'unterminated quoted identifier at end of input' };
    return {
      kind: 'syntax',
      detail: kind === 'end' ? 'syntax error at end of input' : `syntax error at or near "${text}"`,
    };
  }
}

/**
 * Reads synchronous_standby_names (PostgreSQL documentation, "Replication", `synchronous_standby_names`): `FIRST n (a, b)`, `ANY n (a, b)`,
 * `n (a, b)` or `a, b`. Undefined for an empty list.
 */
export function parseSyncNames(text: string): SyncNames | undefined | BadSyncNames {
  if (text.trim() === '') return undefined;
  const reader = new Reader(text);
  const word = reader.peek().kind === 'name' ? reader.peek().text.toLowerCase() : '';
  const counts = (ahead: number): boolean => reader.peek(ahead).kind === 'number';
  let method: SyncNames['method'] = 'first';
  let count: number | undefined;
  if ((word === 'any' || word === 'first') && counts(1)) {
    method = reader.take().value === 'any' ? 'any' : 'first';
    count = Number(reader.take().value);
  } else if (counts(0) && reader.peek(1).value === '(') count = Number(reader.take().value);
  if (count !== undefined && !reader.takeMark('(')) return reader.complaint;
  const names = reader.names();
  if (names === undefined || (count !== undefined && !reader.takeMark(')')) || reader.peek().kind !== 'end')
    return reader.complaint;
  return count === 0 ? { kind: 'count', count } : { method, count: count ?? 1, names };
}

/** What was read before; a function of the text, so that forgetting it at any moment changes nothing but the time. */
const known: Map<string, SyncNames | undefined> = new Map();
const knownMax = 1000;

/** What the processes of a server work with: a list that makes no sense never gets there. */
export function syncNamesOf(text: string): SyncNames | undefined {
  if (known.has(text)) return known.get(text);
  const read = parseSyncNames(text);
  const names = read !== undefined && 'kind' in read ? undefined : read;
  if (known.size >= knownMax) known.clear();
  known.set(text, names);
  return names;
}

/** Where a standby of this name stands in the list, from 1; 0 if it is not there (SyncRepGetStandbyPriority). */
export function priorityOf(names: SyncNames | undefined, applicationName: string): number {
  if (names === undefined) return 0;
  const at = names.names.findIndex((name) => name === '*' || name === applicationName.toLowerCase());
  if (at < 0) return 0;
  return names.method === 'any' ? 1 : at + 1;
}
