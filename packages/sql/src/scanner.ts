import { hashStep, keywordAt } from './keyword.ts';

type TokenName =
  | 'end'
  | 'word'
  | 'quoted'
  | 'string'
  | 'number'
  | 'parameter'
  | 'operator'
  | 'cast'
  | 'mark'
  | 'error'
  | 'leftParen'
  | 'rightParen'
  | 'comma'
  | 'dot'
  | 'colon'
  | 'semicolon'
  | 'leftBracket'
  | 'rightBracket';

/** What a token is. Single characters of PostgreSQL's "self" set are their own character code (33 and up). */
export const Token: Readonly<Record<TokenName, number>> = {
  end: 0,
  /** An unquoted identifier or keyword; `word` holds its number. */
  word: 1,
  /** A double-quoted identifier. */
  quoted: 2,
  /** A string of any kind: '...', E'...', U&'...', B'...', X'...', N'...', $tag$...$tag$. */
  string: 3,
  number: 4,
  /** $1 */
  parameter: 5,
  operator: 6,
  /** `::` */
  cast: 7,
  /** `:=`, `=>`, `..` */
  mark: 8,
  /** A character that no token starts with, or a quote or comment that never ends: the server will refuse the text. */
  error: 9,
  leftParen: 40,
  rightParen: 41,
  comma: 44,
  dot: 46,
  colon: 58,
  semicolon: 59,
  leftBracket: 91,
  rightBracket: 93,
};

const SPACE = 1;
const IDENT = 2;
const DIGIT = 3;
const OPERATOR = 4;
const SELF = 5;

const classes: Uint8Array = new Uint8Array(128);
for (const c of ' \t\n\r\f\v') classes[c.charCodeAt(0)] = SPACE;
for (let c = 0; c < 26; c++) classes[65 + c] = classes[97 + c] = IDENT;
classes[95] = IDENT;
for (let c = 48; c <= 57; c++) classes[c] = DIGIT;
for (const c of '~!@#^&|`?+-*/%<>=') classes[c.charCodeAt(0)] = OPERATOR;
for (const c of '(),[].;:') classes[c.charCodeAt(0)] = SELF;

/** Everything outside ASCII counts as a letter, as in PostgreSQL's scanner. */
function classAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? (classes[code] as number) : code >= 128 ? IDENT : 0;
}

const QUOTE = 39;
const BACKSLASH = 92;
const DOLLAR = 36;
const NEWLINE = 10;
const RETURN = 13;

function isDigitAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

/**
 * PostgreSQL's lexical rules over a text, one token at a time, without allocating. It never fails: what the server
 * would refuse becomes an error token.
 *
 * Source: PostgreSQL documentation, "Lexical Structure". Strings continue over a line break ('a' newline 'b'); block
 * comments nest; a run of operator characters ends before a comment and gives back a trailing + or - as documented.
 * Where versions differ (15 made `1a` an error, 16 brought 0x1F and 1_000) letters end a number, so that no keyword
 * of an older server can hide behind a digit.
 */
export class Scanner {
  readonly text: string;
  kind: number = Token.end;
  /** The keyword's number when `kind` is word, 0 for any other identifier or token. */
  word = 0;
  start = 0;
  end = 0;
  readonly #escapes: boolean;

  /** `backslashEscapes`: '...' treats backslashes as E'...' does (standard_conforming_strings = off). */
  constructor(text: string, backslashEscapes: boolean) {
    this.text = text;
    this.#escapes = backslashEscapes;
  }

  /** Reads the next token into kind, word, start and end. At the end of the text it stays there. */
  next(): void {
    const { text } = this;
    this.word = 0;
    const at = this.#skipBlank(this.end);
    this.start = at;
    if (at >= text.length) {
      this.end = text.length;
      this.start = text.length;
      this.kind = Token.end;
      return;
    }
    const code = text.charCodeAt(at);
    switch (classAt(text, at)) {
      case IDENT:
        return this.#wordOrString(at, code);
      case DIGIT:
        return this.#number(at);
      case OPERATOR:
        return this.#operator(at);
      case SELF:
        return this.#self(at, code);
      default:
        return this.#quoteOrDollar(at, code);
    }
  }

  #finish(kind: number, end: number): void {
    this.kind = kind;
    this.end = end;
  }

  /** Past spaces and comments. An unfinished block comment ends the text (the server refuses it). */
  #skipBlank(from: number): number {
    const { text } = this;
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code < 128 && classes[code] === SPACE) at++;
      else if (code === 45 && text.charCodeAt(at + 1) === 45) at = this.#lineEnd(at + 2);
      else if (code === 47 && text.charCodeAt(at + 1) === 42) at = this.#blockEnd(at + 2);
      else return at;
    }
  }

  #lineEnd(from: number): number {
    const { text } = this;
    let at = from;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === NEWLINE || code === RETURN) return at;
      at++;
    }
    return at;
  }

  #blockEnd(from: number): number {
    const { text } = this;
    let depth = 1;
    let at = from;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      const following = text.charCodeAt(at + 1);
      if (code === 42 && following === 47) {
        at += 2;
        if (--depth === 0) return at;
      } else if (code === 47 && following === 42) {
        depth++;
        at += 2;
      } else at++;
    }
    return at;
  }

  #wordOrString(at: number, code: number): void {
    const { text } = this;
    const following = text.charCodeAt(at + 1);
    const letter = code | 32;
    if (following === QUOTE) {
      if (letter === 101) return this.#string(at + 2, true); // E'...'
      if (letter === 98 || letter === 120) return this.#bitString(at + 2); // B'...', X'...'
      if (letter === 110) return this.#string(at + 2, this.#escapes); // N'...'
    }
    if (letter === 117 && following === 38) {
      const quote = text.charCodeAt(at + 2);
      if (quote === QUOTE) return this.#string(at + 3, false); // U&'...'
      if (quote === 34) return this.#quotedName(at + 3); // U&"..."
    }
    this.#name(at);
  }

  #name(from: number): void {
    const { text } = this;
    let at = from;
    let hash = 0;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code < 128) {
        const kind = classes[code];
        if (kind !== IDENT && kind !== DIGIT && code !== DOLLAR) break;
      } else if (!(code >= 128)) break; // NaN: the end of the text.
      hash = hashStep(hash, code);
      at++;
    }
    this.word = keywordAt(text, from, at, hash);
    this.#finish(Token.word, at);
  }

  #quotedName(from: number): void {
    const { text } = this;
    let at = text.indexOf('"', from);
    while (at >= 0 && text.charCodeAt(at + 1) === 34) at = text.indexOf('"', at + 2);
    if (at < 0) this.#finish(Token.error, text.length);
    else this.#finish(Token.quoted, at + 1);
  }

  /** From after the opening quote. Doubled quotes stay inside; so does a continuation on a later line. */
  #string(from: number, escapes: boolean): void {
    const { text } = this;
    let at = from;
    for (;;) {
      at = escapes ? this.#escapedQuote(at) : text.indexOf("'", at);
      if (at < 0) return this.#finish(Token.error, text.length);
      at++;
      if (text.charCodeAt(at) === QUOTE) {
        at++;
        continue;
      }
      const continued = this.#continuation(at);
      if (continued < 0) return this.#finish(Token.string, at);
      at = continued;
    }
  }

  /** Bit strings know no doubled quote: the second one starts another string. They do continue on a later line. */
  #bitString(from: number): void {
    let at = from;
    for (;;) {
      at = this.text.indexOf("'", at);
      if (at < 0) return this.#finish(Token.error, this.text.length);
      const continued = this.#continuation(at + 1);
      if (continued < 0) return this.#finish(Token.string, at + 1);
      at = continued;
    }
  }

  #escapedQuote(from: number): number {
    const { text } = this;
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) return at;
      if (code === BACKSLASH) at++;
    }
    return -1;
  }

  /** Where the next piece of a string starts, when only blanks with a line break (and -- comments) lie between; else -1. */
  #continuation(from: number): number {
    const { text } = this;
    let at = from;
    let broken = false;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === NEWLINE || code === RETURN) broken = true;
      else if (code === 45 && text.charCodeAt(at + 1) === 45) {
        at = this.#lineEnd(at);
        continue;
      } else if (!(code < 128 && classes[code] === SPACE)) return broken && code === QUOTE ? at + 1 : -1;
      at++;
    }
  }

  #number(from: number): void {
    const { text } = this;
    const base = text.charCodeAt(from) === 48 ? text.charCodeAt(from + 1) | 32 : 0;
    if (base === 120 || base === 111 || base === 98) {
      const at = this.#basedDigits(from + 2, base);
      if (at > from + 2) return this.#finish(Token.number, at);
    }
    let at = this.#digits(from);
    if (text.charCodeAt(at) === 46 && text.charCodeAt(at + 1) !== 46) at = this.#digits(at + 1);
    this.#finish(Token.number, this.#exponent(at));
  }

  #basedDigits(from: number, base: number): number {
    const { text } = this;
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      const lower = code | 32;
      const isDigit = (code >= 48 && code <= 57) || (base === 120 && lower >= 97 && lower <= 102);
      if (!isDigit && code !== 95) return at;
      at++;
    }
  }

  #digits(from: number): number {
    const { text } = this;
    let at = from;
    while (isDigitAt(text, at) || (text.charCodeAt(at) === 95 && at > from && isDigitAt(text, at + 1))) at++;
    return at;
  }

  #exponent(at: number): number {
    const { text } = this;
    if ((text.charCodeAt(at) | 32) !== 101) return at;
    const sign = text.charCodeAt(at + 1);
    const digits = sign === 43 || sign === 45 ? at + 2 : at + 1;
    return isDigitAt(text, digits) ? this.#digits(digits) : at;
  }

  #operator(from: number): void {
    const { text } = this;
    let at = from;
    let special = false;
    for (; classAt(text, at) === OPERATOR; at++) {
      const code = text.charCodeAt(at);
      const following = text.charCodeAt(at + 1);
      if (at > from && ((code === 45 && following === 45) || (code === 47 && following === 42))) break;
      // Any of ~ ! @ # ^ & | ` ? % lets an operator end with + or -.
      special ||= !(code === 42 || code === 43 || code === 45 || code === 47 || (code >= 60 && code <= 62));
    }
    if (!special) {
      while (at > from + 1 && (text.charCodeAt(at - 1) === 43 || text.charCodeAt(at - 1) === 45)) at--;
    }
    const isArrow = at === from + 2 && text.charCodeAt(from) === 61 && text.charCodeAt(from + 1) === 62;
    this.#finish(isArrow ? Token.mark : Token.operator, at);
  }

  #self(at: number, code: number): void {
    const following = this.text.charCodeAt(at + 1);
    if (code === 46) {
      if (isDigitAt(this.text, at + 1)) return this.#finish(Token.number, this.#exponent(this.#digits(at + 1)));
      if (following === 46) return this.#finish(Token.mark, at + 2);
    }
    if (code === 58) {
      if (following === 58) return this.#finish(Token.cast, at + 2);
      if (following === 61) return this.#finish(Token.mark, at + 2);
    }
    this.#finish(code, at + 1);
  }

  #quoteOrDollar(at: number, code: number): void {
    if (code === QUOTE) return this.#string(at + 1, this.#escapes);
    if (code === 34) return this.#quotedName(at + 1);
    if (code === DOLLAR) return this.#dollar(at);
    this.#finish(Token.error, at + 1);
  }

  #dollar(from: number): void {
    const { text } = this;
    let at = from + 1;
    while (isDigitAt(text, at)) at++;
    if (at > from + 1) return this.#finish(Token.parameter, at);
    while (classAt(text, at) === IDENT || classAt(text, at) === DIGIT) at++;
    if (text.charCodeAt(at) !== DOLLAR) return this.#finish(Token.error, from + 1);
    const tag = text.slice(from, at + 1);
    const close = text.indexOf(tag, at + 1);
    if (close < 0) this.#finish(Token.error, text.length);
    else this.#finish(Token.string, close + tag.length);
  }
}
