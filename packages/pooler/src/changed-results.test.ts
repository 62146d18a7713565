import type { QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { bind, describes, execute, flush, inline, parses, sync, type FakeSession } from './testing/fake-gateway.ts';
import type { FakeBackend } from './testing/fake-postgres.ts';
import { house, type House } from './testing/house.ts';

const told = '1 t T Z:I';
const row = '2 D C:SELECT 1 Z:I';
const changed = '!0A000 Z:I';

async function say(world: QuietWorld, session: FakeSession, send: () => void): Promise<string> {
  send();
  await world.settle();
  return session.heard();
}

/** Two backends; `elder` has statement 5 prepared, for a session that was told what it answers. */
async function twoBackends(limits: Parameters<typeof house>[0] = {}): Promise<House & TwoBackends> {
  const all = await house({ backendsMax: 2, ...limits });
  const { world, gateway, postgres } = all;
  const session = await gateway.session();
  gateway.define(5, 'look');
  expect(await say(world, session, () => session.group(parses(5), describes(5), sync))).toBe(told);
  const elder = postgres.open[0] as FakeBackend;
  const keeper = await gateway.session();
  expect(await say(world, keeper, () => keeper.query('begin'))).toBe('C:BEGIN Z:T');
  return { ...all, session, keeper, elder };
}

interface TwoBackends {
  readonly session: FakeSession;
  /** Holds the elder backend in a transaction. */
  readonly keeper: FakeSession;
  readonly elder: FakeBackend;
}

const runs = [bind(5), execute, sync] as const;

describe('a session that was told what its statement answers', () => {
  it('gets the rows of it on a backend that did not know the statement, looked at before it runs', async () => {
    const { world, session, postgres } = await twoBackends();
    expect(await say(world, session, () => session.group(...runs))).toBe(row);
    expect(await say(world, session, () => session.group(...runs))).toBe(row);
    const log = postgres.open[1]?.log.slice(0, 5);
    expect(log).toEqual(['C mg00000001', 'P mg00000001 look', 'D mg00000001', 'B mg00000001', 'E look']);
  });

  it('is told of a change there as Postgres would, before anything runs, shared and in a lease', async () => {
    const { world, session, postgres } = await twoBackends();
    postgres.columns = ['a', 'b'];
    for (const send of [() => session.group(...runs), () => session.shared(...runs)]) {
      expect(await say(world, session, send)).toBe(changed);
    }
    expect(await say(world, session, () => session.group(describes(5), sync))).toBe(`t ${changed}`);
    expect(postgres.open[1]?.log.some((line) => line.startsWith('E'))).toBe(false);
    // Made as it was, and all is well again.
    postgres.columns = ['a'];
    expect(await say(world, session, () => session.group(...runs))).toBe(row);
  });

  it('has its transaction broken by it, and what it had sent behind is skipped up to its Sync', async () => {
    const { world, session, postgres } = await twoBackends();
    postgres.columns = ['a', 'b'];
    const heard = await say(world, session, () => {
      session.query('begin');
      session.piece(bind(5), execute, flush);
      session.group(inline('', 'one'), sync);
      session.query('never');
      session.query('commit');
    });
    expect(heard).toBe('C:BEGIN Z:T !0A000 Z:E !25P02 Z:E C:COMMIT Z:I');
  });

  it('finds out in the middle of a pipeline, behind answers and errors of others', async () => {
    const { world, session, postgres } = await twoBackends();
    postgres.columns = ['a', 'b'];
    const heard = await say(world, session, () => {
      session.query('one');
      session.query('fail 22012');
      session.group(...runs);
      session.group(inline('', 'two'), sync);
    });
    expect(heard).toBe('C:DONE Z:I !22012 Z:I !0A000 Z:I 1 Z:I');
  });

  it('may parse it anew, and relies on the new result from then on, on backends of any age', async () => {
    const { world, session, keeper, postgres } = await twoBackends();
    postgres.columns = ['a', 'b'];
    expect(await say(world, session, () => session.group(...runs))).toBe(changed);
    expect(await say(world, session, () => session.group(parses(5), sync))).toBe('1 Z:I');
    expect(await say(world, session, () => session.group(...runs))).toBe('2 D C:SELECT 1 Z:I');
    // The other backend has it as it was.
    const other = [...postgres.open].find((backend) => !backend.log.includes('Q begin')) as FakeBackend;
    await say(world, keeper, () => keeper.query('commit'));
    session.query('begin');
    await world.settle();
    session.heard();
    expect(await say(world, session, () => session.group(...runs))).toBe('2 D C:SELECT 1 Z:T');
    expect(await say(world, session, () => session.query('commit'))).toBe('C:COMMIT Z:I');
    other.kill();
    expect(await say(world, session, () => session.group(...runs))).toBe(row);
  });

  it('is not held up by an error before it in its group', async () => {
    const { world, session } = await twoBackends();
    const failed = await say(world, session, () => session.group(inline('', 'bad'), ...runs));
    expect(failed).toBe('!42601 Z:I');
    expect(await say(world, session, () => session.group(...runs))).toBe(row);
  });

  it('goes on elsewhere if the backend is lost meanwhile', async () => {
    const { world, session, postgres } = await twoBackends();
    session.shared(...runs);
    postgres.open[1]?.kill();
    await world.settle();
    expect(session.heard()).toBe(row);
  });
});

describe('a session that parses', () => {
  it('a statement, and asks in the same breath what it answers, hears what is true now', async () => {
    const { world, session, keeper, postgres } = await twoBackends();
    await say(world, keeper, () => keeper.query('commit'));
    postgres.columns = ['a', 'b'];
    expect(await say(world, session, () => session.group(parses(5), describes(5), sync))).toBe(told);
    expect(await say(world, session, () => session.group(...runs))).toBe(row);
  });

  it('a statement that has changed is not refused what it does not rely on', async () => {
    const { world, gateway, keeper, postgres } = await twoBackends();
    postgres.columns = ['a', 'b'];
    await say(world, keeper, () => keeper.query('commit'));
    const other = await gateway.session();
    expect(await say(world, other, () => other.group(parses(5), sync))).toBe('1 Z:I');
    expect(await say(world, other, () => other.group(...runs))).toBe(row);
    expect(await say(world, other, () => other.shared(parses(5), ...runs))).toBe(`1 ${row}`);
  });

  it('alone is told what Postgres says of it now, not what it said once', async () => {
    const { world, session, keeper, elder, postgres } = await twoBackends();
    await say(world, keeper, () => keeper.query('commit'));
    const before = elder.log.length;
    expect(await say(world, session, () => session.group(parses(5), sync))).toBe('1 Z:I');
    expect(elder.log.slice(before)).toEqual(['C mg00000000', 'D mg00000001']);
    postgres.columns = ['a', 'b'];
    expect(await say(world, session, () => session.group(parses(5), sync))).toBe('1 Z:I');
    expect(elder.log.filter((line) => line.startsWith('P'))).toHaveLength(2);
  });
});
