import { pipe } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import {
  encodeBind,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeFunctionCall,
  encodeParse,
  encodeQuery,
  encodeSync,
} from '@multigres/pgwire';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnPostgres } from '../testing/own-postgres.ts';
import { WireClient, type Write } from '../testing/wire-client.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const Q =
  (text: string): Write =>
  (writer) =>
    encodeQuery(writer, text);
const P =
  (name: string, text: string): Write =>
  (writer) =>
    encodeParse(writer, name, text);
const B =
  (name: string, portal = '', ...parameters: string[]): Write =>
  (writer) =>
    encodeBind(writer, { portal, statement: name, parameters });
const D =
  (name: string): Write =>
  (writer) =>
    encodeDescribe(writer, 'statement', name);
const DP =
  (name: string): Write =>
  (writer) =>
    encodeDescribe(writer, 'portal', name);
const E =
  (portal = '', rows = 0): Write =>
  (writer) =>
    encodeExecute(writer, portal, rows);
const C =
  (name: string): Write =>
  (writer) =>
    encodeClose(writer, 'statement', name);
const S: Write = (writer) => encodeSync(writer);
const H: Write = (writer) => encodeFlush(writer);
const data =
  (text: string): Write =>
  (writer) =>
    encodeCopyData(writer, bytes(text));
const done: Write = (writer) => encodeCopyDone(writer);
const fail: Write = (writer) => encodeCopyFail(writer, 'no');
const F =
  (oid: number): Write =>
  (writer) =>
    encodeFunctionCall(writer, { functionOid: oid, argumentFormats: [], arguments: ['4'], resultFormat: 0 });

/** Each step is written at once; then so many ReadyForQuery, or a text, are waited for. */
type Step = readonly [wait: number | string, ...messages: readonly Write[]];

const scripts: Readonly<Record<string, readonly Step[]>> = {
  'simple queries': [
    [1, Q('select 1')],
    [1, Q('')],
    [1, Q('select 1; select 2')],
    [1, Q('select 1/0')],
    [1, Q('nonsense')],
  ],
  'a transaction that fails': [
    [1, Q('begin')],
    [1, Q('select 1/0')],
    [1, Q('select 1')],
    [1, Q('commit')],
    [1, Q('select 1')],
  ],
  'an implicit transaction of several': [
    [1, Q('insert into t values (7); select 1/0')],
    [1, Q('select count(*) from t where a = 7')],
  ],
  'an unnamed statement, again and again': Array.from(
    { length: 4 },
    () => [1, P('', 'select $1::int'), B('', '', '5'), DP(''), E(), S] as const,
  ),
  'a named one over several groups': [
    [1, P('a', 'select $1::int as x'), D('a'), S],
    [1, B('a', '', '1'), E(), S],
    [2, B('a', '', '2'), E(), S, C('a'), S],
    [1, B('a', '', '3'), E(), S],
  ],
  'a name twice': [
    [1, P('a', 'select 1'), S],
    [1, P('a', 'select 2'), S],
    [1, B('a'), E(), S],
    [1, Q('select 3')],
  ],
  'a name twice in one group': [
    [1, P('a', 'select 1'), P('a', 'select 2'), S],
    [1, B('a'), E(), S],
  ],
  'a name given in a group that fails later': [
    [1, P('a', 'select 1'), P('b', 'nonsense'), P('c', 'select 3'), S],
    [1, B('a'), E(), S],
    [1, B('c'), E(), S],
    [1, P('c', 'select 4'), B('c'), E(), S],
  ],
  'unknown names': [
    [1, B('nobody'), E(), S],
    [1, D('nobody'), S],
    [1, C('nobody'), S],
    [1, E('nobody'), S],
    [1, B(''), S],
  ],
  'names like our own': [
    [1, B('mg00000001'), E(), S],
    [1, P('mg00000001', 'select 1'), B('mg00000001'), E(), S],
    [1, D('mg00000002'), S],
  ],
  'an unnamed one is gone after a Query': [
    [1, P('', 'select 1'), S],
    [1, Q('select 2')],
    [1, B(''), E(), S],
  ],
  'SQL that names protocol statements': [
    [1, P('a', 'select 8'), S],
    [1, Q('execute a')],
    [1, Q('prepare a as select 9')],
    [1, Q('deallocate a')],
    [1, B('a'), E(), S],
    [1, P('a', 'select 10'), S],
    [1, Q('deallocate all')],
    [1, P('a', 'select 11'), B('a'), E(), S],
  ],
  'protocol that names SQL statements': [
    [1, Q('prepare a as select 1')],
    [1, B('a'), E(), S],
    [1, P('a', 'select 2'), S],
    [1, C('a'), S],
    [1, B('a'), S],
  ],
  'DISCARD ALL': [
    [1, P('a', 'select 1'), S],
    [1, Q('discard all')],
    [1, B('a'), S],
    [1, P('a', 'select 2'), B('a'), E(), S],
  ],
  'DISCARD ALL where it is refused': [
    [1, P('a', 'select 1'), S],
    [1, Q('begin')],
    [1, Q('discard all')],
    [1, Q('rollback')],
    [1, B('a'), E(), S],
  ],
  Flush: [
    ['parseComplete', P('a', 'select 1'), H],
    ['bindComplete', B('a'), H],
    ['SELECT 1', E(), H],
    [1, S],
    ['parseComplete', P('b', 'select 1'), H],
    [1, B('b'), E(), S],
  ],
  'an error, then Flush, then more': [
    ['ERROR', P('', 'nonsense'), H, B(''), E()],
    [1, P('', 'select 1'), S],
    [1, Q('select 1')],
  ],
  'portals with row limits': [
    [1, Q('begin')],
    ['portalSuspended', P('', 'select * from generate_series(1, 5)'), B('', 'c'), E('c', 2), H],
    [1, E('c', 2), S],
    [1, E('c', 2), S],
    [1, E('c', 2), S],
    [1, Q('commit')],
  ],
  'a portal after its transaction': [
    [1, P('', 'select * from generate_series(1, 5)'), B('', 'c'), E('c', 2), S],
    [1, E('c', 2), S],
  ],
  'pipelined groups with an error among them': [
    [3, P('', 'select 1'), B(''), E(), S, P('', 'select 1/0'), B(''), E(), S, P('', 'select 3'), B(''), E(), S],
  ],
  'a pipeline in one group is one transaction': [
    [1, P('', 'insert into t values (8)'), B(''), E(), P('', 'select 1/0'), B(''), E(), S],
    [1, Q('select count(*) from t where a = 8')],
  ],
  'a Query behind unfinished messages': [
    [1, P('a', 'select 1'), B('a'), E(), Q('select 2')],
    [1, Q('select 3')],
  ],
  'a Query behind an error': [
    ['ERROR', P('', 'nonsense'), Q('select 2'), Q('select 3')],
    [1, S],
    [1, Q('select 4')],
  ],
  'a Query that fails behind unfinished messages': [
    [1, P('a', 'select 1'), Q('select 1/0')],
    [1, B('a'), E(), S],
  ],
  'COPY by Query': [
    ['copyInResponse', Q('copy t from stdin')],
    [1, data('1\n'), data('2\n'), done],
    [1, Q('copy (select 1) to stdout')],
  ],
  'COPY that the client fails': [
    ['copyInResponse', Q('copy t from stdin')],
    [1, data('1\n'), fail],
    [1, Q('select 1')],
  ],
  'COPY that fails in the middle': [
    [1, Q('copy t from stdin'), data('x\n'), data('1\n'), done],
    [1, Q('select 1')],
  ],
  'COPY in the extended protocol': [
    [1, P('', 'copy t from stdin'), B(''), E(), S, data('1\n'), done, S],
    [1, Q('select 1')],
  ],
  'COPY with Flush and Sync in the middle': [
    ['copyInResponse', P('', 'copy t from stdin'), B(''), E(), H],
    [1, data('1\n'), S, H, data('2\n'), done, S],
    [1, Q('select 1')],
  ],
  'COPY in the extended protocol that fails': [
    [2, P('', 'copy t from stdin'), B(''), E(), S, data('x\n'), done, S],
    [1, Q('select 1')],
  ],
  'COPY in the extended protocol of no table': [
    [2, P('', 'copy nothing from stdin'), B(''), E(), S, data('x\n'), done, S],
    [1, Q('select 1')],
  ],
  'COPY data for nothing': [
    [1, data('1\n'), done, Q('select 1')],
    [1, data('1\n'), P('', 'select 1'), fail, B(''), E(), S],
  ],
  'COPY in a transaction that fails': [
    [1, Q('begin')],
    [1, Q('copy t from stdin'), data('x\n'), data('x\n'), done],
    [1, P('', 'select 1'), B(''), S],
    [1, Q('rollback')],
  ],
  FunctionCall: [
    [1, F(1397)],
    [1, F(1)],
    [1, Q('begin')],
    [1, F(1)],
    [1, Q('rollback')],
  ],
  settings: [
    [1, Q("set work_mem to '1MB'")],
    [1, Q('show work_mem')],
    [1, Q('begin')],
    [1, Q("set work_mem to '2MB'")],
    [1, Q('rollback')],
    [1, Q('show work_mem')],
    [1, Q('reset all')],
    [1, Q('show work_mem')],
  ],
  'advisory locks': [
    [1, Q('select pg_advisory_lock(1)')],
    [1, Q('select pg_advisory_unlock(1)')],
  ],
  'DDL under a statement': [
    [1, Q('create table if not exists ddl (a int)')],
    [1, P('', 'select * from ddl'), B(''), E(), S],
    [1, P('', 'select * from ddl'), B(''), DP(''), E(), S],
    [1, Q('alter table ddl add column b int')],
    [1, P('', 'select * from ddl'), B(''), DP(''), E(), S],
    [1, P('', 'select * from ddl'), B(''), DP(''), E(), S],
    [1, Q('drop table ddl')],
  ],
  'a large query, a large Bind, a large error': [
    [1, Q(`select length('${'x'.repeat(300_000)}')`)],
    [1, P('', 'select length($1)'), B('', '', 'x'.repeat(300_000)), E(), S],
    [1, P('a', 'select length($1)'), B('a', '', 'x'.repeat(300_000)), E(), S],
    [1, P('b', 'select $1::int'), B('b', '', 'x'.repeat(100_000)), E(), P('c', 'select 1'), S],
    [1, P('c', 'select 2'), B('c'), E(), S],
  ],
  'a long unnamed statement': [
    [1, P('', `select length('${'x'.repeat(50_000)}')`), D(''), S],
    [1, B(''), E(), S],
    [1, B(''), E(), B(''), E(), S],
  ],
  'Sync alone': [[3, S, S, S]],
};

describe('a client hears the same from us as from Postgres', () => {
  let postgres: OwnPostgres;
  let pooler: Pooler;
  let gateway: Gateway;
  let other: Gateway;
  const port = (): number => (gateway.endpoints[0] as { readonly port: number }).port;

  beforeAll(async () => {
    postgres = await OwnPostgres.make();
    const world = hostWorld();
    const relay = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
    const limits = { ...defaultPoolerLimits, poolBackendsMax: 6, sharedBackendsMax: 1, statementsMax: 5 };
    pooler = await startPooler(world, { id: 'pooler', relay, postgres: postgres.endpoint, limits });
    const target = async (): Promise<ReturnType<typeof pipe>[0]> => {
      const [ours, theirs] = pipe();
      pooler.accept(theirs);
      return ours;
    };
    const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] as const;
    const config = { id: 'gateway', listen, auth: { kind: 'trust' }, limits: defaultGatewayLimits } as const;
    gateway = await startGateway(world, config, target);
    other = await startGateway(world, { ...config, id: 'other' }, pooler.relay as typeof relay);
    const client = await WireClient.connect(postgres.endpoint.port, { user: 'postgres', database: 'postgres' });
    client.write(Q('create table t (a int)'));
    await client.ready(1);
    client.end();
  });

  afterAll(async () => {
    await gateway?.stop();
    await other?.stop();
    await pooler?.stop();
    await postgres?.remove();
  });

  async function run(to: number, script: readonly Step[]): Promise<string[]> {
    const client = await WireClient.connect(to, { user: 'postgres', database: 'postgres' });
    const heard: string[] = [];
    for (const [wait, ...messages] of script) {
      client.write(...messages);
      await (typeof wait === 'number' ? client.ready(wait) : client.hears(wait));
      heard.push(client.heard());
    }
    // Whatever else was owed would stand before this.
    if (!client.isClosed) {
      client.write(S, Q("select 'end'"));
      await client.hears('(end)');
      await client.hears('Z');
      heard.push(client.heard().replace(/ Z:.$/, ''));
    }
    client.end();
    return heard;
  }

  it.each(Object.entries(scripts))('%s', async (_name, script) => {
    const expected = await run(postgres.endpoint.port, script);
    expect(await run(port(), script)).toEqual(expected);
    // Again, on backends that have seen it, and over a socket.
    expect(await run(port(), script)).toEqual(expected);
    expect(await run((other.endpoints[0] as { readonly port: number }).port, script)).toEqual(expected);
  });

  const all: Readonly<Record<string, Write>> = {
    Q1: Q('select 1'),
    Qbad: Q('nonsense'),
    Qbegin: Q('begin'),
    Qcommit: Q('commit'),
    Qcopy: Q('copy t from stdin'),
    Pa: P('a', 'select 1'),
    Pa2: P('a', 'select $1::int'),
    P: P('', 'select 2'),
    Pcopy: P('', 'copy t from stdin'),
    Pbad: P('', 'nonsense'),
    Pbegin: P('', 'begin'),
    Ba: B('a'),
    B: B(''),
    Bc: B('a', 'c'),
    Da: D('a'),
    D: D(''),
    E: E(),
    Ec: E('c', 1),
    Ca: C('a'),
    C: C(''),
    S,
    H,
    d: data('1\n'),
    'd!': data('x\n'),
    c: done,
    f: fail,
  };
  const names = Object.keys(all);

  async function compare(prepared: readonly Step[], words: readonly string[]): Promise<void> {
    const end = [done, S, S, Q('rollback'), Q("select 'end'")];
    const script: Step[] = [...prepared, ['(end)', ...words.map((word) => all[word] as Write), ...end]];
    const expected = await run(postgres.endpoint.port, script);
    expect({ words, heard: await run(port(), script) }).toEqual({ words, heard: expected });
  }

  it('whatever it says in one group', async () => {
    const word = fc.constantFrom(...names.filter((name) => name !== 'S'));
    const words = fc.array(word, { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(words, async (said) => compare([], said)),
      { numRuns: 100 },
    );
  });

  // A name that is given in one group and used in the next before it is known that the first one failed is known to us and not to Postgres.
  it('whatever it says in many groups, as long as names stay what they are', async () => {
    const word = fc.constantFrom(...names.filter((name) => !/^[PC]/.test(name)), 'S', 'S');
    const words = fc.array(word, { minLength: 1, maxLength: 16 });
    const prepared: Step[] = [[1, P('a', 'select 1'), S]];
    await fc.assert(
      fc.asyncProperty(words, async (said) => compare(prepared, said)),
      { numRuns: 100 },
    );
  });
});
