import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bind,
  call,
  closeStatement,
  copyData,
  copyDone,
  describePortal,
  describeStatement,
  execute,
  parse,
  query,
  sync,
  type Step,
} from '../testing/script.ts';
import { SideBySide } from '../testing/side-by-side.ts';
import { WireClient } from '../testing/wire-client.ts';

const long = 'x'.repeat(3_000_000);
const middling = `select length('${'y'.repeat(40_000)}'), $1::int`;
const longText = `select length('${long}'), $1::int`;

const scripts: Readonly<Record<string, readonly Step[]>> = {
  'a Query': [
    [1, query(`select length('${long}')`)],
    [1, query('select 1')],
  ],
  'a Query with an error at its end': [
    [1, query(`select length('${long}'); select 1/0`)],
    [1, query('select 1')],
  ],
  'a Query that names a statement': [
    [1, parse('a', 'select 7'), sync],
    [1, query(`select length('${long}'); execute a`)],
    [1, bind('a'), execute(), sync],
  ],
  'a Query behind unfinished messages': [
    [1, parse('', 'select 1'), bind(''), execute(), query(`select length('${long}')`)],
    ['ERROR', parse('', 'nonsense'), query(`select length('${long}')`)],
    [1, sync],
  ],
  'several in a pipeline': [
    [3, query(`select length('${long}')`), query('select 2'), query(`select length('${long}')`)],
  ],
  'a Query that fails in a transaction': [
    [1, query('begin')],
    [1, query(`select length('${long}')/0`)],
    [1, query(`select length('${long}')`)],
    [1, query('rollback')],
  ],
  'a Bind of a named statement': [
    [1, parse('a', 'select length($1), $2::text'), describeStatement('a'), sync],
    [1, bind('a', '', long, 'v'), describePortal(''), execute(), sync],
    [2, bind('a', '', 'short', long), execute(), sync, bind('a', '', 'short', null), execute(), sync],
  ],
  'a Bind of an unnamed statement, again and again': Array.from(
    { length: 3 },
    () => [1, parse('', 'select length($1)'), bind('', '', long), execute(), sync] as const,
  ),
  'a Bind to a named portal': [
    [1, query('begin')],
    [1, parse('a', 'select length($1)'), bind('a', 'portal', long), sync],
    [1, execute('portal'), sync],
    [1, query('commit')],
  ],
  'a Bind of what is not there': [
    [1, bind('nobody', '', long), execute(), sync],
    [1, bind('mg00000001', '', long), execute(), sync],
    [1, bind('', '', long), sync],
  ],
  'a Bind that fails': [
    [1, parse('a', 'select $1::int'), bind('a', '', long), execute(), parse('b', 'select 1'), sync],
    [1, parse('b', 'select 2'), bind('b'), execute(), sync],
  ],
  'a Bind behind an error': [[1, parse('', 'nonsense'), bind('', '', long), execute(), sync]],
  'a text of 40 kB': [
    [1, parse('', middling), bind('', '', '1'), execute(), sync],
    [1, parse('', middling), describeStatement(''), sync],
    [1, bind('', '', '2'), execute(), sync],
    [1, parse('a', middling), sync],
    [2, bind('a', '', '3'), execute(), sync, bind('a', '', '4'), execute(), sync],
    [1, parse('a', middling), sync],
    [1, closeStatement('a'), sync],
    [1, parse('a', 'select 5'), bind('a'), execute(), sync],
  ],
  'an unnamed statement': [
    [1, parse('', longText), bind('', '', '1'), execute(), sync],
    [1, bind('', '', '2'), execute(), sync],
    [1, parse('', 'select 3'), bind(''), execute(), sync],
    [1, query('select 4')],
    [1, bind(''), sync],
  ],
  'a named statement': [
    [1, parse('a', longText), describeStatement('a'), sync],
    [1, bind('a', '', '2'), execute(), sync],
    [1, parse('a', 'select 3'), sync],
    [1, parse('a', longText), sync],
    [1, closeStatement('a'), parse('a', 'select 4'), sync],
    [1, bind('a'), execute(), sync],
  ],
  'a named statement that is known already': [
    [1, parse('a', 'select 1'), sync],
    [1, parse('a', longText), sync],
    [1, bind('a'), execute(), sync],
  ],
  'a named statement with an error': [
    [1, parse('a', `select length('${long}') from nowhere`), sync],
    [1, bind('a'), sync],
    [1, parse('a', 'select 1'), bind('a'), execute(), sync],
  ],
  FunctionCall: [
    [1, call(1257, long)],
    [1, parse('', 'select 1'), call(1257, long)],
    [1, query('select 1')],
  ],
  'COPY data': [
    ['copyInResponse', query('copy texts from stdin')],
    [1, copyData(`${long}\n`), copyData(`1\n${long}`), copyData('\n'), copyDone],
    [1, query('select count(*), max(length(a)) from texts')],
    [1, query('copy (select * from texts order by length(a)) to stdout')],
    [1, query('truncate texts')],
  ],
  'COPY data for nothing': [[1, copyData(long), query('select 1')]],
  'a long row': [
    [1, query(`select repeat('x', 20000000)`)],
    [1, parse('', `select repeat('x', $1)`), bind('', '', '5000000'), execute(), sync],
    [1, query(`do $$ begin raise notice '%', repeat('x', 2000000); end $$`)],
  ],
};

describe('messages of any length', () => {
  let both: SideBySide;

  beforeAll(async () => {
    both = await SideBySide.make();
    await both.heard(both.postgres.endpoint.port, [[1, query('create table texts (a text)')]]);
  });
  afterAll(() => both?.end());

  it.each(Object.entries(scripts))('%s', async (_name, script) => both.same(script));

  it('one that is longer than Postgres takes ends the session', async () => {
    for (const port of both.ports) {
      const client = await WireClient.connect(port, { user: 'postgres', database: 'postgres' });
      client.write((writer) => writer.bytes(Uint8Array.of(0x51, 0x40, 0, 0, 0)));
      await client.hears('closed');
      expect(client.heard()).toBe('FATAL:08P01 closed');
    }
  });

  it('who leaves in the middle of one leaves nothing behind', async () => {
    for (const port of both.ports) {
      const client = await WireClient.connect(port, { user: 'postgres', database: 'postgres' });
      client.write((writer) => writer.bytes(Uint8Array.of(0x51, 0x3f, 0xff, 0xff, 0xfe)));
      client.write((writer) => writer.bytes(new Uint8Array(5_000_000).fill(0x20)));
      client.write((writer) => writer.bytes(new Uint8Array(100)));
      client.end();
      await both.same([[1, query('select 1')]]);
    }
    await expect.poll(() => both.pooler.status().sessions).toBe(0);
    await expect.poll(() => both.pooler.status().pools.every(({ leased }) => leased === 0)).toBe(true);
  });
});
