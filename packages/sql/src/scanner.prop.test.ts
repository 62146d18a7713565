import fc from 'fast-check';
import { loadModule, scanSync } from 'libpg-query';
import { beforeAll, expect, it } from 'vitest';
import { Scanner, Token } from './scanner.ts';

beforeAll(loadModule);

const pieces =
  'a|B_1|select|é|E|U&|N|x|$|$1|$a$|$$|\'|\'|\'\'|"|"|""|\\|--|/*|*/|;|(|)|[|]|,|.|..|:|::|:=|=>|=|<>|+|-|*|/|%|@|~|!|?|#|' +
  "&|0|1|42|1.5|.5|1e3|1e|0x1F|0b1|1_000|_|\n| |\t|\r|in|e'|b'|$b$";

/** Any mixture, but more of what closes than chance would give. */
const soup = fc
  .array(
    fc.oneof(fc.constantFrom(...pieces.split('|')), fc.constantFrom(' ', "' ", "'\n'", ' */ ', '\n', '" ', '$$ ')),
    {
      maxLength: 30,
    },
  )
  .map((parts) => parts.join(''));

function ours(text: string): string[] {
  const scanner = new Scanner(text, false);
  const tokens: string[] = [];
  for (scanner.next(); scanner.kind !== Token.end; scanner.next()) {
    tokens.push(text.slice(scanner.start, scanner.end));
  }
  return tokens;
}

/** libpg-query hands comments out as tokens, so its strings do not continue behind one; PostgreSQL's do. */
const continuesBehindComment = /['nN]\s*--/;

/** The tokens of PostgreSQL's own scanner, without comments; undefined where it refuses the text. */
function theirs(text: string): string[] | undefined {
  try {
    const bytes = new TextEncoder().encode(text);
    const decoder = new TextDecoder();
    const tokens: string[] = [];
    let lastEnd = -1;
    for (const { start, end, tokenName } of scanSync(text).tokens) {
      if (tokenName.endsWith('COMMENT')) continue;
      const token = decoder.decode(bytes.subarray(start, end));
      // N'...' comes as two tokens: the word NCHAR, which is one letter long, and the string.
      if (token.startsWith("'") && /^n$/i.test(tokens.at(-1) ?? '') && start === lastEnd) {
        tokens.push((tokens.pop() ?? '') + token);
      } else tokens.push(token);
      lastEnd = end;
    }
    return tokens;
  } catch {
    return undefined;
  }
}

it('cuts any text that PostgreSQL accepts into the same tokens', () => {
  let compared = 0;
  fc.assert(
    fc.property(soup, (text) => {
      const expected = continuesBehindComment.test(text) ? undefined : theirs(text);
      if (expected === undefined) return;
      compared++;
      expect(ours(text)).toEqual(expected);
    }),
    { numRuns: 20_000 },
  );
  expect(compared).toBeGreaterThan(500);
});

it('comes to the end of any text, forwards only', () => {
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: 'binary' })), fc.boolean(), (text, escapes) => {
      const scanner = new Scanner(text, escapes);
      let last = 0;
      for (scanner.next(); scanner.kind !== Token.end; scanner.next()) {
        expect(scanner.start).toBeGreaterThanOrEqual(last);
        expect(scanner.end).toBeGreaterThan(scanner.start);
        expect(scanner.end).toBeLessThanOrEqual(text.length);
        last = scanner.end;
      }
      expect(scanner.start).toBe(text.length);
    }),
    { numRuns: 2000 },
  );
});
