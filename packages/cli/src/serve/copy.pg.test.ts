import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bind,
  bindBinary,
  call,
  closePortal,
  closeStatement,
  copyData,
  copyDone,
  copyFail,
  describePortal,
  describeStatement,
  execute,
  flush,
  parse,
  query,
  sync,
  type Step,
} from '../testing/script.ts';
import { SideBySide } from '../testing/side-by-side.ts';
import { WireClient } from '../testing/wire-client.ts';

const copyIn = 'copy t from stdin';
const count = query('select count(*) from t where a > 100');

const copies: Readonly<Record<string, readonly Step[]>> = {
  'in by Query, rows cut anywhere': [
    ['copyInResponse', query(copyIn)],
    [1, copyData('10'), copyData('1\n102'), copyData('\n103'), copyDone],
    [1, count],
    [1, query('delete from t')],
  ],
  'in, with the end-of-data mark': [
    [1, query(copyIn), copyData('1\n\\.\n'), copyDone],
    [1, query('delete from t')],
  ],
  'in, nothing at all': [[1, query(copyIn), copyDone]],
  'in, failed by the client before and after the first row': [
    [1, query(copyIn), copyFail],
    [1, query(copyIn), copyData('101\n'), copyFail],
    [1, count],
  ],
  'in, failed by the server, with everything sent behind it': [
    [3, query(copyIn), copyData('x\n'), copyData('101\n'), copyDone, query('select 1'), query('select 2')],
    [1, count],
  ],
  'in, failed by the server before its data come': [
    [1, query('copy nowhere from stdin')],
    [1, copyData('101\n'), copyDone, query('select 1')],
  ],
  'in, twice in one Query': [
    ['copyInResponse', query(`${copyIn}; ${copyIn}; select 3`)],
    [1, copyData('101\n'), copyDone, copyData('102\n'), copyData('103\n'), copyDone],
    [1, count],
    [1, query('delete from t')],
  ],
  'in, twice in one Query, the second failed by the client': [
    [1, query(`${copyIn}; ${copyIn}; select 3`), copyData('101\n'), copyDone, copyData('102\n'), copyFail],
    [1, count],
  ],
  'in, twice in one Query, the first failed by the server': [
    [1, query(`${copyIn}; ${copyIn}`), copyData('x\n'), copyDone, copyData('102\n'), copyDone],
    [1, count],
  ],
  'in and out in one Query': [
    [
      1,
      query(`select 1; ${copyIn}; copy (select a from t order by a) to stdout; delete from t`),
      copyData('5\n'),
      copyDone,
    ],
  ],
  out: [
    [1, query('copy (select generate_series(1, 20)) to stdout')],
    [1, query("copy (select 1, null, E'a\\tb') to stdout (format csv)")],
    [1, query('copy (select 1::int4, null::text) to stdout (format binary)')],
    [1, query('copy (select 1) to stdout; copy (select 2) to stdout')],
    [1, query('copy (select 1) to stdout; select 1/0')],
  ],
  'out, failed by the server in the middle': [
    [1, query('copy (select 10 / (3 - i) from generate_series(1, 10) i) to stdout')],
    [1, query('select 1')],
  ],
  'in, in the extended protocol, all at once': [
    [1, parse('', copyIn), bind(''), describePortal(''), execute(), copyData('101\n'), copyDone, sync],
    [1, count],
    [1, query('delete from t')],
  ],
  'in, in the extended protocol, Sync before the data': [
    [1, parse('', copyIn), bind(''), execute(), sync, copyData('101\n'), copyDone, sync],
    [1, query('delete from t')],
  ],
  'in, in the extended protocol, Sync and Flush among the data': [
    ['copyInResponse', parse('c', copyIn), bind('c'), execute(), flush],
    [1, copyData('101\n'), sync, copyData('102\n'), flush, sync, copyDone, sync],
    [1, count],
    [1, query('delete from t')],
  ],
  'in, in the extended protocol, failed by the client': [
    ['copyInResponse', parse('', copyIn), bind(''), execute(), flush],
    [1, copyData('101\n'), copyFail, sync],
    [1, count],
  ],
  'in, in the extended protocol, failed by the server': [
    [1, parse('', copyIn), bind(''), execute(), copyData('x\n'), copyData('101\n'), copyDone, sync],
    ['ERROR', parse('', copyIn), bind(''), execute(), copyData('x\n'), flush],
    [1, parse('', 'select 1'), copyData('101\n'), copyDone, bind(''), sync],
    [1, query('select 1')],
  ],
  'in, in the extended protocol, with more behind it': [
    [
      1,
      ...[parse('', copyIn), bind(''), execute(), copyData('101\n'), copyDone],
      ...[parse('', 'select 2'), bind(''), execute(), sync],
    ],
    [1, query('delete from t')],
  ],
  'out, in the extended protocol': [
    [1, parse('', 'copy (select 1) to stdout'), bind(''), describePortal(''), execute(), sync],
    [1, parse('', 'copy (select 1/0) to stdout'), bind(''), execute(), sync],
  ],
  'a message that has no place in COPY': [
    ['copyInResponse', query(copyIn)],
    [1, query('select 1')],
    [1, query('select 2')],
  ],
  'in a transaction': [
    [1, query('begin')],
    [1, query(copyIn), copyData('101\n'), copyDone],
    [1, query(copyIn), copyData('x\n'), copyDone],
    [1, query(copyIn), copyData('102\n'), copyDone],
    [1, query('rollback')],
    [1, count],
  ],
  'notices in the middle': [
    [
      1,
      query(`do $$ begin raise notice 'before'; end $$; ${copyIn}; do $$ begin raise warning 'after'; end $$`),
      copyDone,
    ],
    [1, query('copy (select noisy(i) from generate_series(1, 3) i) to stdout')],
  ],
  'stray data': [
    [1, copyData('1\n'), copyDone, copyFail, query('select 1')],
    [1, copyDone, parse('', 'select 1'), copyFail, bind(''), copyData('1\n'), execute(), copyDone, sync],
  ],
  // Until it is read, the server's words are held back on the way.
  'much of it': [
    ['copyInResponse', query('create temp table much (a text); copy much from stdin')],
    [1, ...Array.from({ length: 400 }, (_, i) => copyData(`${i} ${'y'.repeat(10_000)}\n`)), copyDone],
    [1, query('select count(*), sum(length(a)) from much')],
    [1, query('copy (select * from much limit 50) to stdout')],
  ],
};

const portals: Readonly<Record<string, readonly Step[]>> = {
  'row limits to the end, and beyond': [
    [1, query('begin')],
    [1, parse('s', 'select * from generate_series(1, 5)'), bind('s', 'c'), sync],
    ...Array.from({ length: 4 }, () => [1, execute('c', 2), sync] as const),
    [1, query('commit')],
  ],
  'a limit that is just the count': [
    [2, query('begin'), parse('', 'select * from generate_series(1, 2)'), bind('', 'c'), execute('c', 2), sync],
    [1, query('commit')],
  ],
  'several interleaved': [
    [1, query('begin')],
    [1, parse('s', 'select $1 || i from generate_series(1, 5) i'), bind('s', 'a', 'a'), bind('s', 'b', 'b'), sync],
    [1, execute('a', 1), execute('b', 2), execute('a', 2), sync],
    [1, execute('b', 1), sync, closePortal('a')],
    [1, describePortal('b'), execute('b'), sync],
    [1, execute('a'), sync],
    [1, query('rollback')],
  ],
  'outside a transaction they die with Sync': [
    [1, parse('', 'select * from generate_series(1, 5)'), bind('', 'c'), execute('c', 2), execute('c', 1), sync],
    [1, execute('c', 2), sync],
    [1, describePortal('c'), sync],
  ],
  'the unnamed one': [
    [1, query('begin')],
    [1, parse('', 'select * from generate_series(1, 5)'), bind(''), execute('', 2), sync],
    [1, execute('', 2), sync],
    [1, query('select 1')],
    [1, execute('', 2), sync],
    [1, query('rollback')],
  ],
  'a name twice': [
    [1, query('begin')],
    [1, parse('s', 'select 1'), bind('s', 'c'), bind('s', 'c'), sync],
    [1, query('rollback')],
  ],
  'closed and made anew': [
    [1, query('begin')],
    [
      1,
      parse('s', 'select 1'),
      bind('s', 'c'),
      closePortal('c'),
      bind('s', 'c'),
      execute('c'),
      closePortal('nobody'),
      sync,
    ],
    [1, query('commit')],
  ],
  'one that writes runs to its end': [
    [1, query('begin')],
    [1, parse('', 'insert into t values (101), (102) returning a'), bind('', 'c'), execute('c', 1), sync],
    [1, execute('c', 1), sync],
    [1, query('rollback')],
  ],
  'SQL fetches from a portal': [
    [1, query('begin')],
    [1, parse('', 'select * from generate_series(1, 5)'), bind('', 'c'), execute('c', 1), sync],
    [1, query('fetch 2 from c')],
    [1, query('close c')],
    [1, execute('c', 1), sync],
    [1, query('rollback')],
  ],
  'the protocol executes a cursor of SQL': [
    [1, query('begin; declare c cursor for select * from generate_series(1, 5)')],
    [1, execute('c', 2), sync],
    [1, describePortal('c'), execute('c', 0), sync],
    [1, query('commit')],
  ],
  'Flush between the steps': [
    ['parseComplete', parse('s', 'select * from generate_series(1, 3)'), flush],
    ['bindComplete', bind('s', 'c'), flush],
    ['row:', describePortal('c'), flush],
    ['portalSuspended', execute('c', 1), flush],
    ['portalSuspended', execute('c', 1), flush],
    ['SELECT', execute('c'), flush],
    [1, sync],
  ],
  'descriptions of everything': [
    [1, parse('s', 'select $1::int4 as a, $2::text as b'), describeStatement('s'), sync],
    [1, parse('i', 'insert into t values ($1)'), describeStatement('i'), bind('i', '', '1'), describePortal(''), sync],
    [1, parse('', ''), describeStatement(''), bind(''), describePortal(''), execute(), sync],
    [1, describeStatement('nobody'), sync],
    [1, describePortal('nobody'), sync],
    [1, closeStatement('nobody'), closePortal('nobody'), sync],
  ],
  'binary in and out': [
    [
      1,
      parse('s', 'select $1::int4 + 1, $2::bytea'),
      bindBinary('s', Uint8Array.of(0, 0, 0, 41), Uint8Array.of(0, 255)),
      execute(),
      sync,
    ],
    [1, bindBinary('s', Uint8Array.of(1), Uint8Array.of()), execute(), sync],
  ],
  FunctionCall: [
    [1, call(1397, '-4')],
    [1, call(1397, null)],
    [1, call(1397)],
    [1, call(0)],
    [1, parse('', 'select 1'), bind(''), call(1397, '-4')],
    [1, query('begin')],
    [1, call(1397, 'x')],
    [1, call(1397, '4')],
    [1, query('rollback')],
  ],
};

describe('COPY and portals are the same as on Postgres', () => {
  let both: SideBySide;

  beforeAll(async () => {
    both = await SideBySide.make();
    const noisy = `create function noisy(i int) returns int language plpgsql as $$ begin raise notice '%', i; return i; end $$`;
    await both.heard(both.postgres.endpoint.port, [[1, query(`create table t (a int); ${noisy}`)]]);
  });
  afterAll(() => both?.end());

  it.each(Object.entries(copies))('COPY %s', async (_name, script) => both.same(script));
  it.each(Object.entries(portals))('portals: %s', async (_name, script) => both.same(script));

  it('a cancel ends a COPY in the middle, in either direction', async () => {
    for (const port of [both.postgres.endpoint.port, ...both.ports]) {
      const client = await WireClient.connect(port, { user: 'postgres', database: 'postgres' });
      client.write(query(`copy (select i, pg_sleep(i / 5000 * 60) from generate_series(1, 6000) i) to stdout`));
      await client.hears('copyData');
      await client.cancel();
      await client.ready(1);
      expect(client.heard()).toMatch(/ERROR:57014 Z:I$/);
      client.write(query(copyIn), copyData('101\n'));
      await client.hears('copyInResponse');
      client.heard();
      await client.cancel();
      // A server that waits for COPY data looks up when some come.
      client.write(copyData('102\n'), copyData('103\n'));
      await client.hears('ERROR:57014');
      client.write(copyDone, count);
      await client.ready(2);
      expect(client.heard()).toBe('ERROR:57014 Z:I row:count (0) SELECT 1 Z:I');
      client.end();
    }
  });

  it('who leaves in the middle of a COPY leaves nothing behind', async () => {
    for (const port of both.ports) {
      const client = await WireClient.connect(port, { user: 'postgres', database: 'postgres' });
      client.write(query(copyIn), copyData('101\n'));
      await client.hears('copyInResponse');
      client.end();
      const reader = await WireClient.connect(port, { user: 'postgres', database: 'postgres' });
      reader.write(query("copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout"));
      await reader.hears('copyData');
      reader.end();
    }
    await expect.poll(() => both.pooler.status().sessions).toBe(0);
    // What a client had sent is finished for a while after it left.
    const leased = (): number => both.pooler.status().pools.reduce((sum, pool) => sum + pool.leased, 0);
    await expect.poll(leased, { timeout: 10_000 }).toBe(0);
    await both.same([[1, count]]);
  });
});

describe('LISTEN and NOTIFY', () => {
  let both: SideBySide;
  beforeAll(async () => {
    both = await SideBySide.make();
  });
  afterAll(() => both?.end());

  it('notifications come after the commit, in order, and after the answer', async () => {
    await both.same([
      [1, query('listen c')],
      [1, query('begin')],
      [1, query("notify c, '1'")],
      [1, query("notify c, '2'; notify c, '1'; select 1")],
      [1, query('commit')],
      [1, query('select 2')],
      [1, query("begin; notify c, 'lost'; rollback")],
      [1, query("notify c, 'alone'")],
      [1, query('unlisten c')],
      [1, query("notify c, 'unheard'")],
    ]);
  });
});
