import type { ConsoleVerb } from '@multigres/relay';
import { consoleSyntaxError } from '../errors.ts';
import { tokenize, type Token } from './tokens.ts';
import { viewNamed, type ViewName } from './view-columns.ts';

/** What somebody types at the console. */
export type ConsoleStatement =
  | { readonly kind: 'view'; readonly view: ViewName }
  | { readonly kind: 'command'; readonly verb: ConsoleVerb; readonly target?: string; readonly tag: string }
  /** SHOW of a setting that drivers ask every server for. */
  | { readonly kind: 'showSetting'; readonly name: string }
  | { readonly kind: 'set'; readonly name: string; readonly value: string | undefined }
  | { readonly kind: 'transaction'; readonly does: 'begin' | 'commit' | 'rollback'; readonly tag: string }
  | { readonly kind: 'select'; readonly items: readonly SelectItem[] }
  /** Undoes what a console session does not have. */
  | { readonly kind: 'nothing'; readonly tag: string };

/** What keep-alive checks select: a constant, or one of few functions. */
export interface SelectItem {
  readonly column: string;
  readonly value: { readonly number: string } | { readonly text: string } | { readonly call: SelectCall };
}

export const selectCalls = ['version', 'current_database', 'current_user', 'session_user', 'current_schema'] as const;
export type SelectCall = (typeof selectCalls)[number];

/** Reads all statements of a text before any is run, as Postgres does. Throws 42601. */
export function parseConsole(text: string): ConsoleStatement[] {
  return tokenize(text).map((tokens) => new StatementParser(tokens, text).statement());
}

/** Setting names that take more than one word. */
const longSettings: readonly (readonly [words: readonly string[], name: string])[] = [
  [['time', 'zone'], 'timezone'],
  [['transaction', 'isolation', 'level'], 'transaction_isolation'],
  [['session', 'authorization'], 'session_authorization'],
];

class StatementParser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #next = 0;

  constructor(tokens: readonly Token[], text: string) {
    this.#tokens = tokens;
    this.#end = text.length + 1;
  }

  statement(): ConsoleStatement {
    const statement = this.#verb(this.#word());
    if (this.#next < this.#tokens.length) throw this.#unexpected();
    return statement;
  }

  #verb(word: string): ConsoleStatement {
    switch (word) {
      case 'show':
        return this.#show();
      case 'pause':
      case 'resume':
      case 'reconnect':
        return this.#command(word, word.toUpperCase(), this.#targetMaybe());
      case 'kill':
        if (this.#take('client')) return this.#command('killClient', 'KILL', this.#target());
        return this.#command('kill', 'KILL', this.#targetMaybe());
      case 'kill_client':
        return this.#command('killClient', 'KILL_CLIENT', this.#target());
      case 'drain':
        return this.#command('drain', 'DRAIN', this.#targetMaybe());
      case 'reload':
        return this.#command('reload', 'RELOAD', undefined);
      case 'shutdown':
        return this.#shutdown();
      case 'set':
        return this.#set();
      case 'reset':
        return this.#take('all') ? nothing('RESET') : { kind: 'set', name: this.#setting(), value: undefined };
      case 'select':
        return { kind: 'select', items: this.#items() };
      default:
        return this.#transaction(word) ?? this.#tidying(word);
    }
  }

  #command(verb: ConsoleVerb, tag: string, target: string | undefined): ConsoleStatement {
    return { kind: 'command', verb, tag, ...(target !== undefined && { target }) };
  }

  /** PgBouncer's ways to wait are DRAIN here. */
  #shutdown(): ConsoleStatement {
    if (this.#take('wait_for_clients') || this.#take('wait_for_servers')) {
      return this.#command('drain', 'SHUTDOWN', undefined);
    }
    return this.#command('shutdown', 'SHUTDOWN', this.#targetMaybe());
  }

  #show(): ConsoleStatement {
    const name = this.#setting();
    const view = viewNamed(name);
    return view === undefined ? { kind: 'showSetting', name } : { kind: 'view', view };
  }

  #set(): ConsoleStatement {
    if (this.#take('session')) {
      if (this.#take('characteristics')) return this.#anything('SET');
    } else this.#take('local');
    if (this.#take('names')) return { kind: 'set', name: 'client_encoding', value: this.#value() };
    if (this.#take('transaction')) return this.#anything('SET');
    const name = this.#setting();
    const assigns = this.#takeSymbol('=') || this.#take('to');
    if (!assigns && name !== 'timezone') throw this.#unexpected();
    const values = [this.#value()];
    while (this.#takeSymbol(',')) values.push(this.#value());
    return { kind: 'set', name, value: values.join(', ') };
  }

  #transaction(word: string): ConsoleStatement | undefined {
    switch (word) {
      case 'begin':
        return this.#boundary('begin', 'BEGIN');
      case 'start':
        if (!this.#take('transaction')) throw this.#unexpected();
        return this.#boundary('begin', 'START TRANSACTION');
      case 'commit':
      case 'end':
        return this.#boundary('commit', 'COMMIT');
      case 'rollback':
      case 'abort':
        return this.#boundary('rollback', 'ROLLBACK');
      default:
        return undefined;
    }
  }

  /** Modes of transactions (READ ONLY, ISOLATION LEVEL ...) mean nothing where nothing is stored. */
  #boundary(does: 'begin' | 'commit' | 'rollback', tag: string): ConsoleStatement {
    this.#next = this.#tokens.length;
    return { kind: 'transaction', does, tag };
  }

  #tidying(word: string): ConsoleStatement {
    if (word === 'discard' && this.#take('all')) return nothing('DISCARD ALL');
    if (word === 'close' && this.#take('all')) return nothing('CLOSE CURSOR ALL');
    if (word === 'unlisten' && this.#takeSymbol('*')) return nothing('UNLISTEN');
    if (word === 'deallocate') {
      this.#take('prepare');
      if (this.#take('all')) return nothing('DEALLOCATE ALL');
    }
    this.#next = 0;
    throw this.#unexpected();
  }

  #anything(tag: string): ConsoleStatement {
    this.#next = this.#tokens.length;
    return nothing(tag);
  }

  #items(): SelectItem[] {
    const items = [this.#item()];
    while (this.#takeSymbol(',')) items.push(this.#item());
    return items;
  }

  #item(): SelectItem {
    const value = this.#selected();
    const column = 'call' in value ? value.call : '?column?';
    if (this.#take('as')) return { column: this.#name(), value };
    const alias = this.#tokens[this.#next];
    if (alias?.kind === 'word' || alias?.kind === 'name') return { column: this.#name(), value };
    return { column, value };
  }

  #selected(): SelectItem['value'] {
    const token = this.#tokens[this.#next];
    this.#next += 1;
    if (token?.kind === 'number') return { number: token.text };
    if (token?.kind === 'string') return { text: token.text };
    const word = token?.kind === 'word' ? token.text.toLowerCase().replace(/^pg_catalog\./, '') : undefined;
    const call = selectCalls.find((name) => name === word);
    if (call !== undefined) {
      if (this.#takeSymbol('(') && !this.#takeSymbol(')')) throw this.#unexpected();
      return { call };
    }
    this.#next -= 1;
    throw this.#unexpected();
  }

  /** A setting's or a view's name, in small letters. */
  #setting(): string {
    for (const [words, name] of longSettings) {
      const from = this.#next;
      if (words.every((word) => this.#take(word))) return name;
      this.#next = from;
    }
    return this.#name().toLowerCase();
  }

  /** A value of SET; undefined for DEFAULT. */
  #value(): string | undefined {
    const token = this.#tokens[this.#next];
    if (token === undefined || token.kind === 'symbol') throw this.#unexpected();
    this.#next += 1;
    return token.kind === 'word' && token.text.toLowerCase() === 'default' ? undefined : token.text;
  }

  #target(): string {
    const target = this.#targetMaybe();
    if (target === undefined) throw this.#unexpected();
    return target;
  }

  /** The name of a database or a gateway, or a session's id: as it was typed, names are not folded. */
  #targetMaybe(): string | undefined {
    const token = this.#tokens[this.#next];
    if (token === undefined) return undefined;
    if (token.kind === 'symbol') throw this.#unexpected();
    this.#next += 1;
    return token.text;
  }

  #name(): string {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'word' && token?.kind !== 'name') throw this.#unexpected();
    this.#next += 1;
    return token.text;
  }

  #word(): string {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'word') throw this.#unexpected();
    this.#next += 1;
    return token.text.toLowerCase();
  }

  #take(word: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'word' || token.text.toLowerCase() !== word) return false;
    this.#next += 1;
    return true;
  }

  #takeSymbol(symbol: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== 'symbol' || token.text !== symbol) return false;
    this.#next += 1;
    return true;
  }

  #unexpected(): Error {
    const token = this.#tokens[this.#next];
    return consoleSyntaxError(token?.text, token?.at ?? this.#end);
  }
}

function nothing(tag: string): ConsoleStatement {
  return { kind: 'nothing', tag };
}
