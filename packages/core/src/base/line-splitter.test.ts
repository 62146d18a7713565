import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function split(pieces: readonly string[], charsMax?: number): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), charsMax);
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return lines;
}

describe('a line splitter', () => {
  it.each([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\r\nb\n\n c', ['a', 'b', '', ' c']],
    ['\n\r\n', ['', '']],
    ['a\rb\n', ['a\rb']],
  ])('cuts %j', (text, lines) => {
    expect(split([text])).toEqual(lines);
  });

  it('gives the same lines however the text arrives', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\r') });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 5 }), (whole, size) => {
        const pieces = whole.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
        expect(split(pieces)).toEqual(split([whole]));
      }),
    );
  });

  it('hands over a line that is too long in pieces, and keeps no more than one piece', () => {
    expect(split(['abcdefgh\nij'], 3)).toEqual(['abc', 'def', 'gh', 'ij']);
    expect(split(['ab', 'cd', 'ef', 'gh', '\n'], 3).join('')).toBe('abcdefgh');
    expect(split(['abc\r\n'], 3)).toEqual(['abc']);
  });
});
