import { pipe, type Connection } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { defaultPoolerLimits, startPooler } from '@multigres/pooler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bind,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  flush,
  parse,
  query,
  sync,
} from '../testing/script.ts';
import { SideBySide } from '../testing/side-by-side.ts';
import { WireClient, type Write } from '../testing/wire-client.ts';

let both: SideBySide;
beforeAll(async () => {
  both = await SideBySide.make();
});
afterAll(() => both.end());

const text = 'select * from changing order by 1';
const told = [parse('s', text), describeStatement('s'), sync];

describe('a prepared statement whose table has changed', () => {
  it('is refused to who would take the new rows for the old ones, as by Postgres, until it is prepared again', () =>
    both.same([
      [1, query('create table changing (a int); insert into changing values (1)')],
      [1, ...told],
      [1, bind('s'), execute(), sync],
      [1, query('alter table changing add column b int default 2')],
      [1, bind('s'), execute(), sync],
      [1, bind('s'), execute(), sync],
      [1, closeStatement('s'), ...told],
      [1, bind('s'), execute(), sync],
      [1, query('drop table changing')],
    ]));

  it('is refused although its rows are described again', () =>
    both.same([
      [1, query('create table changing (a int); insert into changing values (1)')],
      [1, ...told],
      [1, query('alter table changing add column b int default 2')],
      [1, bind('s'), describePortal(''), execute(), sync],
      [1, query('drop table changing')],
    ]));

  it('is no trouble for who prepares it anew each time, in the very transaction that changes the table, or when that is undone', () => {
    const looks = [parse('', text), bind(''), execute(), sync];
    return both.same([
      [1, query('create table changing (a int); insert into changing values (1)')],
      [1, ...looks],
      [1, ...looks],
      [1, query('begin')],
      [1, ...looks],
      [1, query('alter table changing add column b int default 2')],
      [1, ...looks],
      [2, ...looks, query('rollback')],
      [1, query('begin')],
      [1, ...looks],
      [1, query('rollback')],
      [1, query('drop table changing')],
    ]);
  });

  it('runs for who prepares it after that, and executes it later', () =>
    both.same([
      [1, query('create table changing (a int); insert into changing values (1)')],
      [1, ...told],
      [1, query('alter table changing add column b int default 2')],
      [1, parse('other', text), sync],
      [1, bind('other'), execute(), sync],
      [1, query('drop table changing')],
    ]));
});

const runs = [bind('s'), execute(), sync];

/**
 * Two clients at one port, the first of which prepares and is told what it answers; then the second keeps that very backend in a transaction, and a third one alters the
 * table. What the first hears from then on.
 */
async function afterDdl(
  port: number,
  prepares: readonly Write[],
  says: readonly (readonly Write[])[],
): Promise<string[]> {
  const [client, keeper, owner] = (await Promise.all(
    [1, 2, 3].map(() => WireClient.connect(port, { user: 'postgres', database: 'postgres' })),
  )) as [WireClient, WireClient, WireClient];
  const say = async (who: WireClient, ...messages: readonly Write[]): Promise<string> => {
    who.heard();
    who.write(...messages);
    await who.ready(1);
    return who.heard();
  };
  await say(owner, query('create table changing (a int); insert into changing values (1)'));
  await say(client, ...prepares);
  await say(keeper, query('begin'));
  await say(owner, query('alter table changing add column b int default 2'));
  const heard: string[] = [];
  for (const messages of says) heard.push(await say(client, ...messages));
  await say(keeper, query('commit'));
  for (const messages of says) heard.push(await say(client, ...messages));
  await say(owner, query('drop table changing'));
  for (const one of [client, keeper, owner]) one.end();
  return heard;
}

describe('a prepared statement whose table was changed by somebody else, on a backend that did not know it', () => {
  const cases: Readonly<Record<string, readonly [readonly Write[], readonly (readonly Write[])[]]>> = {
    'is refused to who was told what it answered': [told, [runs, runs, [describeStatement('s'), sync]]],
    'is refused although its rows are described again': [told, [[bind('s'), describePortal(''), execute(), sync]]],
    'breaks the transaction': [
      told,
      [[query('begin')], runs, [query('select 1')], [query('rollback')], [query('select 1')]],
    ],
    'writes nothing': [
      [parse('s', 'insert into changing values (3) returning *'), describeStatement('s'), sync],
      [
        runs,
        [query('select count(*) from changing')],
        [bind('s'), flush, execute(), sync],
        [query('select count(*) from changing')],
      ],
    ],
    'runs for who prepares it again': [
      told,
      [[closeStatement('s'), parse('s', text), sync], runs, [describeStatement('s'), sync], runs],
    ],
    'runs if its result is the same in spite of all': [
      [parse('s', 'select a from changing order by 1'), describeStatement('s'), sync],
      [runs],
    ],
    'runs again when all is as it was': [
      told,
      [
        runs,
        [query('alter table changing drop column b')],
        runs,
        [query('alter table changing add column b int')],
        runs,
      ],
    ],
  };
  for (const [what, [prepares, says]] of Object.entries(cases))
    it(what, async () => {
      const expected = await afterDdl(both.postgres.endpoint.port, prepares, says);
      for (const port of both.ports) expect(await afterDdl(port, prepares, says)).toEqual(expected);
    });
});

describe('a session whose pooler is another one now', () => {
  /** A gateway, the pooler it speaks with, and one that knows nothing. */
  async function twoPoolers(): Promise<{ readonly gateway: Gateway; readonly move: () => void; end(): Promise<void> }> {
    const world = hostWorld();
    const config = {
      id: 'pooler',
      relay: undefined,
      postgres: both.postgres.endpoint,
      limits: defaultPoolerLimits,
    } as const;
    const [one, other] = [await startPooler(world, config), await startPooler(world, config)];
    let current = one;
    let link: Connection | undefined;
    const dial = async (): Promise<Connection> => {
      const [ours, theirs] = pipe();
      current.accept(theirs);
      link = ours;
      return ours;
    };
    const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] as const;
    const limits = defaultGatewayLimits;
    const gateway = await startGateway(world, { listen, auth: { kind: 'trust' }, limits, id: 'moving' }, dial);
    const move = (): void => {
      current = other;
      link?.destroy();
    };
    const end = async (): Promise<void> => {
      await gateway.stop();
      for (const pooler of [one, other]) await pooler.stop();
    };
    return { gateway, move, end };
  }

  it('relies on what it prepared before, be that the first result ever or a later one', async () => {
    const { gateway, move, end } = await twoPoolers();
    const { port } = gateway.endpoints[0] as { readonly port: number };
    const [owner, early, late] = (await Promise.all(
      [both.postgres.endpoint.port, port, port].map((at) =>
        WireClient.connect(at, { user: 'postgres', database: 'postgres' }),
      ),
    )) as [WireClient, WireClient, WireClient];
    const say = async (who: WireClient, ...messages: readonly Write[]): Promise<string> => {
      who.heard();
      who.write(...messages);
      await who.ready(1);
      return who.heard();
    };
    await say(owner, query('create table changing (a int); insert into changing values (1)'));
    await say(early, ...told);
    await say(owner, query('alter table changing add column b int default 2'));
    expect(await say(late, ...told)).toContain('row:a,b');
    move();
    expect(await say(early, ...runs)).toBe('ERROR:0A000 Z:I');
    expect(await say(late, ...runs)).toBe('bindComplete (1,2) SELECT 1 Z:I');
    await say(owner, query('drop table changing'));
    for (const one of [owner, early, late]) one.end();
    await end();
  });
});
