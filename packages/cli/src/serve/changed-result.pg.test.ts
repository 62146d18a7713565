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
