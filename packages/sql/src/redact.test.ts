import { describe, expect, it } from 'vitest';
import { redact } from './redact.ts';

describe('a text without its literals', () => {
  it.each([
    ["select * from t where a = 'secret' and b=42", 'select * from t where a = ? and b=?'],
    [
      "insert into t values (1.5e3, E'a\\'secret', $$secret$$, $x$secret$x$, B'01')",
      'insert into t values (?, ?, ?, ?, ?)',
    ],
    [
      'select $1, "MyColumn", a1 from s.t -- secret\nwhere /* secret */ x',
      'select $1, "MyColumn", a1 from s.t where x',
    ],
    ["alter role joe password 'secret'", 'alter role joe password ?'],
    ['set my.token = secret', 'set my.token = ?'],
    ["set local my.token to secret, secret; select 'secret'", 'set local my.token to ?; select ?'],
    ['alter role joe set my.token to secret', 'alter role joe set my.token to ?'],
    ['update t set a = b, c = 1', 'update t set a = b, c = ?'],
    ["select 'it''s', U&'secret'", 'select ?, ?'],
    ["select 'never ended secret", 'select...'],
    ["select a, 'x\\', ' or secret --'", 'select a,...'],
    ['  \n select   1', 'select ?'],
    ['', ''],
  ])('%s', (text, shown) => {
    expect(redact(text)).toBe(shown);
  });

  it('is cut when it is long', () => {
    const shown = redact(`select ${'column, '.repeat(1000)} x`, 100);
    expect([shown.length < 120, shown.endsWith('...')]).toEqual([true, true]);
  });
});
