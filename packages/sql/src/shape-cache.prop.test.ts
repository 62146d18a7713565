import { utf8 } from '@multigres/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify, ShapeCache, type KnownShape } from './index.ts';

const number = fc.constantFrom('0', '1', '42', '007', '1.5', '10.25', '1e5', '12e007', '1e', '0x1F', '9a');
const word = fc.constantFrom(
  ...[
    'SELECT',
    'a',
    'a1',
    'a2',
    'FROM',
    'WHERE',
    'f1',
    'f2',
    'now',
    'nextval',
    'count',
    'FOR UPDATE',
    'set_config',
    'INTO TEMP',
    'UPDATE t SET',
  ],
  ...[
    'LIMIT',
    'ORDER BY',
    'AND',
    'VALUES',
    'BEGIN',
    'ROLLBACK',
    'COMMIT',
    'INSERT INTO t',
    'LISTEN',
    'PREPARE p AS',
    'pg_advisory_lock',
    'x$1',
    'é1',
  ],
);
const quoted = fc.constantFrom(
  ...[
    "''",
    "'x'",
    "'it''s'",
    "'1'",
    "'a;b'",
    "'-- no'",
    "'true'",
    "'t'",
    "'role'",
    "'pg_temp'",
    "E'x'",
    "E'\\''",
    "U&'\\0041'",
    "B'01'",
    "N'n'",
    "'",
  ],
  ...['"A1"', '"a""b"', '"', '"it\'s"', '$$x$$', "$q$'$q$", '$1', '$12', '$'],
);
const mark = fc.constantFrom(
  '(',
  ')',
  ',',
  ';',
  '=',
  ' - ',
  '-',
  '--',
  '/',
  '/*',
  '*/',
  '*',
  '+',
  '.',
  '::',
  '\n',
  '\\',
);
const text = fc
  .array(fc.oneof(number, word, quoted, mark), { maxLength: 12 })
  .chain((parts) =>
    fc
      .array(fc.constantFrom(' ', ' ', ''), { minLength: parts.length, maxLength: parts.length })
      .map((spaces) => parts.map((part, i) => part + spaces[i]).join('')),
  );

const ask = (cache: ShapeCache, sql: string): KnownShape | undefined => {
  // Not at the start of the array, as in a message.
  const bytes = utf8(`Q....${sql}`);
  return cache.get(bytes, 5, bytes.length);
};
const learn = (cache: ShapeCache, sql: string): KnownShape => {
  const bytes = utf8(`Q....${sql}`);
  return cache.set(bytes, 5, bytes.length, sql, classify(sql));
};

/** Other values in the same places. */
const otherValues = (sql: string, digits: string, content: string): string =>
  sql.replaceAll(/(?<![\w$\u0080-\uffff"'])\d+/g, digits).replaceAll(/'[^'\\"$]*'/g, `'${content}'`);

describe('the shape of a text', () => {
  it('has one classification: whatever other text was learnt, the answer is that of reading the text', () => {
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 8 }),
        text,
        fc.constantFrom('7', '99'),
        fc.constantFrom('', 'true', 'role', 'pg_temp_1', 'z'),
        (learnt, sql, digits, content) => {
          const cache = new ShapeCache();
          for (const one of [...learnt, otherValues(sql, digits, content)]) learn(cache, one);
          const known = ask(cache, sql);
          if (known !== undefined) expect(known.classification).toEqual(classify(sql));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['SELECT a FROM t WHERE id = 1', 'SELECT a FROM t WHERE id = 23456'],
    ["SELECT a FROM t WHERE name = 'x' AND id=4", "SELECT a FROM t WHERE name = 'longer; than' AND id=5"],
    ['UPDATE t SET a = a + -42 WHERE id = 7;', 'UPDATE t SET a = a + -4 WHERE id = 70;'],
    ["INSERT INTO t VALUES (1, 'a', 1.5)", "INSERT INTO t VALUES (22, '', 10.25)"],
    ['BEGIN', 'BEGIN'],
  ])('is the same of %s and %s', (one, other) => {
    const cache = new ShapeCache();
    const learnt = learn(cache, one);
    expect(learnt.id).toBeGreaterThan(0);
    expect(ask(cache, other)).toBe(learnt);
  });

  it.each([
    ['SELECT a1 FROM t', 'SELECT a2 FROM t'],
    ['SELECT $1', 'SELECT $2'],
    ['SELECT "a1"', 'SELECT "a2"'],
    ["SELECT f('x')", 'SELECT f($1)'],
    ['SELECT 1', 'SELECT 1.5'],
    ['SELECT 1 -1', 'SELECT 1 --1'],
  ])('differs between %s and %s', (one, other) => {
    const cache = new ShapeCache();
    learn(cache, one);
    expect(ask(cache, other)).toBeUndefined();
  });

  it.each([
    "SET work_mem = '4MB'",
    "SELECT set_config('a.b', '1', 't')",
    'LISTEN a',
    'SELECT unknown_function(1)',
    "SELECT E'\\'' -- x",
    'SELECT 1 /* c */',
  ])('is not remembered of %s', (sql) => {
    const cache = new ShapeCache();
    expect(learn(cache, sql).id).toBe(0);
    expect(ask(cache, sql)).toBeUndefined();
  });
});
