import { wordId } from './keyword.ts';
import { Scanner, Token } from './scanner.ts';

const AS = wordId('as');
const ATOMIC = wordId('atomic');
const BEGIN = wordId('begin');
const CASE = wordId('case');
const END = wordId('end');

/** Where a reader stands, to look ahead and come back. */
export interface Place {
  readonly kind: number;
  readonly word: number;
  readonly start: number;
  readonly end: number;
  readonly previousKind: number;
  readonly previousWord: number;
  readonly previousEnd: number;
  readonly depth: number;
  readonly bodyDepth: number;
  readonly ended: boolean;
}

/**
 * The tokens of one statement after the other. A statement ends at a semicolon outside parentheses (CREATE RULE holds
 * some inside) and outside the BEGIN ATOMIC body of a function (PostgreSQL documentation, "CREATE FUNCTION").
 */
export class StatementReader {
  readonly text: string;
  kind: number = Token.end;
  word = 0;
  start = 0;
  end = 0;
  /** The token before the current one, within the statement; end at its beginning. */
  previousKind: number = Token.end;
  previousWord = 0;
  previousEnd = 0;
  /** Open parentheses and brackets before the current token. */
  depth = 0;
  /** Set by the head of CREATE FUNCTION or PROCEDURE: only there does BEGIN ATOMIC open a body. */
  mayHaveBody = false;
  /** An identifier in pg_temp's family was seen in this statement. */
  sawTemporarySchema = false;
  /** A token that the server will refuse was seen in this statement. */
  sawError = false;
  #bodyDepth = 0;
  #ended = true;
  readonly #scanner: Scanner;

  constructor(text: string, backslashEscapes: boolean) {
    this.text = text;
    this.#scanner = new Scanner(text, backslashEscapes);
  }

  /** Goes to the next statement that is not empty; false when there is none. The current one must have been read to its end. */
  nextStatement(): boolean {
    do {
      if (this.#scanner.kind === Token.end && this.#scanner.end >= this.text.length && this.#scanner.end > 0)
        return false;
      this.#reset();
      this.advance();
      if (this.#ended && this.start >= this.text.length) return false;
    } while (this.#ended);
    return true;
  }

  #reset(): void {
    this.kind = Token.end;
    this.word = 0;
    this.depth = 0;
    this.#bodyDepth = 0;
    this.#ended = false;
    this.mayHaveBody = false;
    this.sawTemporarySchema = false;
    this.sawError = false;
  }

  /** The next token of this statement; kind is end after the last, and stays so. */
  advance(): void {
    if (this.#ended) return;
    const scanner = this.#scanner;
    this.previousKind = this.kind;
    this.previousWord = this.word;
    this.previousEnd = this.end;
    if (this.kind === Token.leftParen || this.kind === Token.leftBracket) this.depth++;
    scanner.next();
    const kind = scanner.kind;
    this.kind = kind;
    this.word = scanner.word;
    this.start = scanner.start;
    this.end = scanner.end;
    if (kind === Token.word) this.#onWord();
    else if (kind === Token.rightParen || kind === Token.rightBracket) this.depth -= this.depth > 0 ? 1 : 0;
    else if (kind === Token.end) this.#ended = true;
    else if (kind === Token.semicolon) this.#onSemicolon();
    else if (kind === Token.quoted) this.#noticeTemporarySchema(this.start + 1);
    else if (kind === Token.error) this.sawError = true;
  }

  #onSemicolon(): void {
    if (this.depth > 0 || this.#bodyDepth > 0) return;
    this.kind = Token.end;
    this.#ended = true;
  }

  #onWord(): void {
    const { word } = this;
    if (word === 0) this.#noticeTemporarySchema(this.start);
    else if (this.mayHaveBody) this.#onBodyWord(word);
  }

  #onBodyWord(word: number): void {
    // After AS or a dot even a reserved word is only a name.
    if (this.previousKind === Token.dot || this.previousWord === AS) return;
    if (this.#bodyDepth === 0) {
      if (word === BEGIN && this.depth === 0 && this.peekWord() === ATOMIC) this.#bodyDepth = 1;
    } else if (word === CASE) this.#bodyDepth++;
    else if (word === END) this.#bodyDepth--;
  }

  #noticeTemporarySchema(at: number): void {
    if ((this.text.charCodeAt(at) | 32) !== 112 || this.end - at < 7) return;
    if (this.text.slice(at, at + 7).toLowerCase() === 'pg_temp') this.sawTemporarySchema = true;
  }

  /** The keyword number of the token after this one; 0 when it is something else. */
  peekWord(): number {
    const { end } = this.#scanner;
    this.#scanner.next();
    const { word } = this.#scanner;
    this.#restoreScanner(end);
    return word;
  }

  /** The kind of the token after this one. A semicolon is a semicolon here. */
  peekKind(): number {
    const { end } = this.#scanner;
    this.#scanner.next();
    const { kind } = this.#scanner;
    this.#restoreScanner(end);
    return kind;
  }

  #restoreScanner(end: number): void {
    this.#scanner.kind = this.kind;
    this.#scanner.word = this.word;
    this.#scanner.start = this.start;
    this.#scanner.end = end;
  }

  mark(): Place {
    return {
      kind: this.kind,
      word: this.word,
      start: this.start,
      end: this.end,
      previousKind: this.previousKind,
      previousWord: this.previousWord,
      previousEnd: this.previousEnd,
      depth: this.depth,
      bodyDepth: this.#bodyDepth,
      ended: this.#ended,
    };
  }

  rewind(place: Place): void {
    this.kind = place.kind;
    this.word = place.word;
    this.start = place.start;
    this.end = place.end;
    this.previousKind = place.previousKind;
    this.previousWord = place.previousWord;
    this.previousEnd = place.previousEnd;
    this.depth = place.depth;
    this.#bodyDepth = place.bodyDepth;
    this.#ended = place.ended;
    this.#restoreScanner(place.end);
  }

  /** To the end of the statement without looking at what passes. */
  skip(): void {
    while (!this.#ended) this.advance();
  }

  /** If the current token is this keyword, goes on and answers true. */
  take(word: number): boolean {
    if (this.word !== word) return false;
    this.advance();
    return true;
  }

  /** Past a parenthesised group whose opening parenthesis is the current token. */
  skipGroup(): void {
    const { depth } = this;
    do this.advance();
    while (this.kind !== Token.end && this.depth > depth);
    this.advance();
  }

  /** The current token as PostgreSQL would store it if it is a name: folded to lower case, or unquoted; '' for others. */
  name(): string {
    if (this.kind === Token.word) return foldCase(this.text.slice(this.start, this.end));
    if (this.kind === Token.quoted) return unquoteName(this.text.slice(this.start, this.end));
    return '';
  }
}

/** ASCII letters only, as the server does for multi-byte encodings. */
export function foldCase(name: string): string {
  // Most names have none, and looking is cheaper than replacing.
  return /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : name;
}

/** The name inside double quotes; '' for U&"..." whose escapes this package does not resolve. */
export function unquoteName(quoted: string): string {
  return quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll('""', '"') : '';
}
