const QUOTE = 39;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const STAR = 42;
const MINUS = 45;
const SLASH = 47;
const ZERO = 48;
const BACKSLASH = 92;

const OTHER = 0;
const DIGIT = 1;
/** A digit behind it belongs to the same word. */
const NAME = 2;
const SPECIAL = 3;

const classes: Uint8Array = new Uint8Array(256).fill(NAME, 128);
for (let c = 48; c <= 57; c++) classes[c] = DIGIT;
for (let c = 0; c < 26; c++) classes[65 + c] = classes[97 + c] = NAME;
classes[95] = NAME;
for (const c of [QUOTE, DOUBLE_QUOTE, DOLLAR, BACKSLASH, MINUS, SLASH]) classes[c] = SPECIAL;

/**
 * Writes a text's shape into `into`: the same bytes with one `0` for every run of digits that is not part of a word, and with nothing between the quotes of
 * strings. Answers its length, or -1 for a text that this fast look is not sure of: backslashes, dollar signs except in $1, comments, an open quote, or more bytes than
 * `into` has.
 *
 * Two texts of one shape have the same tokens but for the values of their numbers and strings (PostgreSQL documentation, "Lexical Structure"): digits end at the
 * same letters, and a string without backslashes ends at the same quote whatever standard_conforming_strings says.
 */
export function shapeInto(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  if (end - start > into.length) return -1;
  let to = 0;
  let before = OTHER;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    const kind = classes[byte] as number;
    if (kind === DIGIT && before !== NAME) {
      while (at + 1 < end && classes[bytes[at + 1] as number] === DIGIT) at++;
      into[to++] = ZERO;
      before = NAME;
    } else if (kind !== SPECIAL) {
      into[to++] = byte;
      before = kind === DIGIT ? NAME : kind;
    } else {
      const last = specialEnd(bytes, at, end, byte);
      if (last < 0) return -1;
      if (byte === QUOTE) into[to++] = into[to++] = QUOTE;
      else for (let from = at; from <= last; from++) into[to++] = bytes[from] as number;
      // `$` stands in front of a parameter's number; a number right behind a quote starts anew.
      before = byte === DOLLAR ? NAME : OTHER;
      at = last;
    }
  }
  return to;
}

/** Where what starts at `at` ends: the closing quote, or `at` itself for an operator or the `$` of a parameter. -1: not sure. */
function specialEnd(bytes: Uint8Array, at: number, end: number, byte: number): number {
  const next = at + 1 < end ? (bytes[at + 1] as number) : 0;
  switch (byte) {
    case QUOTE:
    case DOUBLE_QUOTE:
      return closingQuote(bytes, at + 1, end, byte);
    case DOLLAR:
      return classes[next] === DIGIT ? at : -1;
    case MINUS:
      return next === MINUS ? -1 : at;
    case SLASH:
      return next === STAR ? -1 : at;
    default:
      return -1;
  }
}

/** A doubled quote is taken for the end of one string and the start of the next, which makes no difference to what is outside. */
function closingQuote(bytes: Uint8Array, from: number, end: number, quote: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === quote) return at;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}
