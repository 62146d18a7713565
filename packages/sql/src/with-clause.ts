import { wordId } from './keyword.ts';
import { Token } from './scanner.ts';
import type { StatementReader } from './statement-reader.ts';

const AS = wordId('as');
const MATERIALIZED = wordId('materialized');
const NOT = wordId('not');
const RECURSIVE = wordId('recursive');
const WITH = wordId('with');

type Expected = 'nothing' | 'name' | 'columnsOrAs' | 'as' | 'body' | 'inColumns' | 'inBody' | 'commaOrMore';

/**
 * Follows `WITH a AS (...), b (x, y) AS (...)` through the tokens of a statement at any depth, to tell `b (` from a
 * call of a function b. It is fed every token in order and keeps one state per open parenthesis.
 */
export class WithClauses {
  readonly #expected: Expected[] = [];

  /** Whether the token that was fed last, a word or quoted name, is the name of a common table expression. */
  isName(reader: StatementReader): boolean {
    return this.#expected[reader.depth] === 'columnsOrAs';
  }

  /** Whether a WITH clause is open outside all parentheses. */
  get open(): boolean {
    const outer = this.#expected[0];
    return outer !== undefined && outer !== 'nothing' && outer !== 'commaOrMore';
  }

  /** Takes the reader's current token into account. Must see every token of the statement. */
  feed(reader: StatementReader): void {
    const { depth } = reader;
    const expected = this.#expected[depth];
    if (reader.word === WITH) this.#expected[depth] = 'name';
    else if (expected !== undefined && expected !== 'nothing') this.#expected[depth] = next(expected, reader);
    if (reader.kind === Token.leftParen) this.#expected[depth + 1] = 'nothing';
  }
}

function next(expected: Expected, reader: StatementReader): Expected {
  const { kind, word } = reader;
  switch (expected) {
    case 'name':
      if (word === RECURSIVE) return 'name';
      return kind === Token.word || kind === Token.quoted ? 'columnsOrAs' : 'nothing';
    case 'columnsOrAs':
      if (kind === Token.leftParen) return 'inColumns';
      return word === AS ? 'body' : 'nothing';
    case 'inColumns':
      return kind === Token.rightParen ? 'as' : 'inColumns';
    case 'as':
      return word === AS ? 'body' : 'nothing';
    case 'body':
      if (word === NOT || word === MATERIALIZED) return 'body';
      return kind === Token.leftParen ? 'inBody' : 'nothing';
    case 'inBody':
      return kind === Token.rightParen ? 'commaOrMore' : 'inBody';
    case 'commaOrMore':
      return kind === Token.comma ? 'name' : 'nothing';
    case 'nothing':
      return 'nothing';
  }
}
