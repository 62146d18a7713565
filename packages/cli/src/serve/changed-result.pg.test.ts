import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bind,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  parse,
  query,
  sync,
} from '../testing/script.ts';
import { SideBySide } from '../testing/side-by-side.ts';
import { WireClient } from '../testing/wire-client.ts';

let both: SideBySide;
beforeAll(async () => {
  both = await SideBySide.make();
});
afterAll(() => both.end());

const text = 'select * from changing order by 1';
const prepares = [parse('s', text), describeStatement('s'), sync];

describe('a prepared statement whose table has changed', () => {
  it('is refused to who would take the new rows for the old ones, as by Postgres, until it is prepared again', () =>
    both.same([
      [1, query('create table changing (a int); insert into changing values (1)')],
      [1, ...prepares],
      [1, bind('s'), execute(), sync],
      [1, query('alter table changing add column b int default 2')],
      [1, bind('s'), execute(), sync],
      [1, bind('s'), execute(), sync],
      [1, closeStatement('s'), ...prepares],
      [1, bind('s'), execute(), sync],
      [1, query('drop table changing')],
    ]));

  it('runs, prepared again unseen, for who asks what the rows look like', async () => {
    for (const port of both.ports) {
      const client = await WireClient.connect(port, { user: 'postgres', database: 'postgres' });
      client.write(query('create table changing (a int); insert into changing values (1)'));
      await client.ready(1);
      client.write(...prepares);
      await client.ready(1);
      client.write(query('alter table changing add column b int default 2'));
      await client.ready(1);
      client.heard();
      client.write(bind('s'), describePortal(''), execute(), sync);
      await client.ready(1);
      expect(client.heard()).not.toContain('ERROR');
      client.write(query('drop table changing'));
      await client.ready(1);
      client.end();
    }
  });
});
