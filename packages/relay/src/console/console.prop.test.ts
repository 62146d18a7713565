import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { BodyReader } from '../body.ts';
import { consoleVerbs, decodeConsoleCommand, encodeConsoleCommand } from './messages.ts';
import { cell, columnTypes, decodeTable, encodeTable, tableOf } from './table.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const table = fc
  .array(fc.record({ name: text, type: fc.constantFrom(...columnTypes) }), { minLength: 1, maxLength: 5 })
  .chain((columns) =>
    fc.record({
      columns: fc.constant(columns),
      rows: fc.array(fc.tuple(...columns.map(() => fc.option(text)))),
    }),
  );

describe('what a console asks for and is answered', () => {
  test.prop([table])('a table comes out as it went in', (before) => {
    expect(decodeTable(new BodyReader(encodeTable(before)))).toEqual(before);
  });

  test.prop([fc.record({ verb: fc.constantFrom(...consoleVerbs), target: text }, { requiredKeys: ['verb'] })])(
    'a command comes out as it went in',
    (command) => {
      expect(decodeConsoleCommand(new BodyReader(encodeConsoleCommand(command)))).toEqual(command);
    },
  );

  test.prop([fc.uint8Array({ maxLength: 60 })])('random bytes are read or refused with 08P01', (bytes) => {
    for (const decode of [decodeTable, decodeConsoleCommand]) {
      try {
        decode(new BodyReader(bytes));
      } catch (refusal) {
        expect(refusal).toMatchObject({ sqlstate: '08P01' });
      }
    }
  });

  it('values have the text forms of Postgres', () => {
    expect(cell('int8', 12e20)).toBe('1200000000000000000000');
    expect(cell('int4', 1.9)).toBe('1');
    expect(cell('int4', true)).toBe('1');
    expect(cell('int8', Infinity)).toBeNull();
    expect(cell('bool', true)).toBe('t');
    expect(cell('float8', 0.5)).toBe('0.5');
    expect(cell('text', undefined)).toBeNull();
  });

  it('a table is made of records, column by column', () => {
    const made = tableOf<{ readonly n: number }>(
      [
        ['n', 'int4', ({ n }) => n],
        ['even', 'bool', ({ n }) => n % 2 === 0],
      ],
      [{ n: 1 }, { n: 2 }],
    );
    expect(made).toEqual({
      columns: [
        { name: 'n', type: 'int4' },
        { name: 'even', type: 'bool' },
      ],
      rows: [
        ['1', 'f'],
        ['2', 't'],
      ],
    });
  });
});
