import type { Endpoint } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { encodeErrorResponse, encodeNotificationResponse, encodeParameterStatus } from '@multigres/pgwire';
import { requestFlag, windowBytes } from '@multigres/relay';
import { PinReason } from '@multigres/sql';
import { describe, expect, it } from 'vitest';
import { defaultPoolerLimits, type PoolerLimits } from './config.ts';
import { startPooler, type Pooler } from './pooler.ts';
import {
  beforeQuery,
  bind,
  bindInline,
  closes,
  copyData,
  execute,
  FakeGateway,
  flush,
  inline,
  parses,
  query,
  sync,
  type FakeSession,
} from './testing/fake-gateway.ts';
import { FakePostgres, type FakeBackend } from './testing/fake-postgres.ts';

const relay: Endpoint = { kind: 'tcp', host: 'pooler', port: 6543 };

interface House {
  readonly world: QuietWorld;
  readonly postgres: FakePostgres;
  readonly pooler: Pooler;
  readonly gateway: FakeGateway;
}

async function house(limits: Partial<PoolerLimits> = {}): Promise<House> {
  const world = quietWorld();
  const postgres = await FakePostgres.start(world);
  const pooler = await startPooler(world, {
    id: 'pooler',
    relay,
    postgres: postgres.endpoint,
    limits: { ...defaultPoolerLimits, slowMs: Infinity, ...limits },
  });
  return { world, postgres, pooler, gateway: await FakeGateway.connect(world, relay) };
}

function only(postgres: FakePostgres): FakeBackend {
  expect(postgres.open).toHaveLength(1);
  return postgres.open[0] as FakeBackend;
}

/** A session that holds a backend in a transaction. */
async function inTransaction(world: QuietWorld, session: FakeSession): Promise<void> {
  session.query('begin');
  await world.settle();
  expect(session.heard()).toBe('C:BEGIN Z:T');
}

describe('what sessions started with', () => {
  it('sessions with different application names share a backend, each statement under its own', async () => {
    const { world, postgres, gateway } = await house({ poolBackendsMax: 1 });
    const [one, two] = [
      await gateway.session({ settings: [['application_name', 'one']] }),
      await gateway.session({ settings: [['application_name', "it's two"]] }),
    ];
    for (const session of [one, two]) session.shared(query('first'));
    await world.settle();
    for (const session of [two, one]) session.shared(query('second'));
    await world.settle();
    expect([one.heard(), two.heard()]).toEqual(['C:DONE Z:I C:DONE Z:I', 'C:DONE Z:I C:DONE Z:I']);
    expect(only(postgres).log.join(' ')).toBe(
      "Q SET application_name TO E'one' Q first Q SET application_name TO E'it''s two' Q first Q second Q SET application_name TO E'one' Q second",
    );
  });

  it('a credit for more than was sent ends the link', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    gateway.link.credit(session.id, 1);
    await world.settle();
    expect(gateway.isClosed).toBe(true);
  });
});

describe('replies', () => {
  it('of a carried statement look as if the client had parsed it, first and second time, on one backend', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    for (let i = 0; i < 2; i++) {
      session.shared(parses(5), bind(5), execute, sync);
      await world.settle();
      expect(session.heard()).toBe('1 2 C:DONE Z:I');
    }
    expect(only(postgres).log.filter((line) => line.startsWith('P'))).toEqual(['P mg00000001 one']);
    expect(session.completions).toEqual([1, 1]);
  });

  it('of statements that the client parsed before come without a ParseComplete, wherever they run', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    session.shared(bind(5), execute, sync);
    await world.settle();
    expect(session.heard()).toBe('2 C:DONE Z:I');
    expect(only(postgres).log).toEqual(['C mg00000001', 'P mg00000001 one', 'D mg00000001', 'B mg00000001', 'E one']);
  });

  it('keep their order when a ParseComplete is made up in the middle of a group', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    gateway.define(6, 'two');
    session.group(parses(5), bind(5), execute, parses(6), bind(6), execute, sync);
    session.group(parses(5), bind(5), execute, closes('mg00000000'), parses(6), bind(6), execute, sync);
    await world.settle();
    expect(session.heard()).toBe('1 2 C:DONE 1 2 C:DONE Z:I 1 2 C:DONE 3 1 2 C:DONE Z:I');
  });

  it('come for Parse and Flush alone, with the statement on the backend already', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    session.group(parses(5), sync);
    await world.settle();
    session.heard();
    session.piece(parses(5), flush);
    await world.settle();
    expect(session.heard()).toBe('1');
    session.group(bind(5), execute, sync);
    await world.settle();
    expect(session.heard()).toBe('2 C:DONE Z:I');
  });

  it('tell how many Parse and Close were done before the error', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    session.group(parses(5), inline('x', 'two'), closes('x'), inline('y', 'bad'), inline('z', 'three'), sync);
    await world.settle();
    expect(session.heard()).toBe('1 1 3 !42601 Z:I');
    expect(session.completions).toEqual([3]);
  });

  it('of a statement whose Parse was skipped by an error bring it next time', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    session.group(inline('', 'bad'), parses(5), sync);
    session.group(bind(5), execute, sync);
    await world.settle();
    expect(session.heard()).toBe('!42601 Z:I 2 C:DONE Z:I');
  });

  it('are right with more statements in one piece than a backend may keep', async () => {
    const { world, postgres, gateway } = await house({ statementsMax: 1 });
    const session = await gateway.session();
    for (const id of [1, 2, 3]) gateway.define(id, `s${id}`);
    for (let i = 0; i < 2; i++) {
      session.group(
        parses(1),
        bind(1),
        execute,
        parses(2),
        bind(2),
        execute,
        bind(1),
        execute,
        parses(3),
        bind(3),
        execute,
        sync,
      );
      session.group(bind(2), execute, bind(3), execute, bind(1), execute, sync);
      await world.settle();
      expect(session.heard()).toBe('1 2 C:DONE 1 2 C:DONE 2 C:DONE 1 2 C:DONE Z:I 2 C:DONE 2 C:DONE 2 C:DONE Z:I');
    }
    session.group(bind(2), execute, sync);
    session.group(bind(2), execute, sync);
    await world.settle();
    expect(only(postgres).statements.size).toBeLessThanOrEqual(2);
  });

  it('of a stale statement are those of a fresh one', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'fail 0A000');
    session.group(parses(5), bind(5), execute, sync);
    await world.settle();
    expect(session.heard()).toBe('1 2 !0A000 Z:I');
    session.group(bind(5), sync);
    await world.settle();
    expect(session.heard()).toBe('2 Z:I');
  });
});

describe('a Query behind unfinished messages of the extended protocol', () => {
  it('ends the group if those went well', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    session.send(requestFlag.simple, true, inline('', 'one'), beforeQuery, query('fail 22012'));
    session.query('two');
    await world.settle();
    expect(session.heard()).toBe('1 !22012 Z:I C:DONE Z:I');
    expect(only(postgres).log.at(-1)).toBe('Q two');
  });

  it('is skipped with everything up to the next Sync if not, sent before or after the error is known', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    session.send(requestFlag.simple, true, inline('', 'bad'), beforeQuery, query('one'));
    session.query('two');
    await world.settle();
    expect(session.heard()).toBe('!42601 ~ ~');
    session.query('three');
    await world.settle();
    expect(session.heard()).toBe('~');
    session.group(sync);
    await world.settle();
    expect(session.heard()).toBe('Z:I');
    session.query('four');
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
  });
});

describe('COPY from the client', () => {
  it('by Query takes its data and gives the backend back', async () => {
    const { world, pooler, gateway } = await house();
    const session = await gateway.session();
    session.query('copy');
    session.copy(copyData('a'));
    session.copyEnd();
    await world.settle();
    expect(session.heard()).toBe('G C:COPY 1 Z:I');
    expect(pooler.status().pools[0]).toMatchObject({ idle: 1, leased: 0 });
  });

  it('ignores every Sync before the end of the data, sent ahead or late', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    session.group(inline('', 'copy'), bindInline(''), execute, sync);
    session.copy(copyData('a'));
    session.copyEnd();
    session.group(sync);
    await world.settle();
    expect(session.heard()).toBe('1 2 G ~ C:COPY 1 Z:I');
    session.piece(inline('', 'copy'), bindInline(''), execute, flush);
    await world.settle();
    session.group(sync);
    await world.settle();
    expect(session.heard()).toBe('1 2 G ~');
    session.copyEnd();
    session.group(sync);
    await world.settle();
    expect(session.heard()).toBe('C:COPY 1 Z:I');
  });

  it('that failed in the middle drops what is still under way, and the next statement is answered', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    session.query('copy');
    session.copy(copyData('!'));
    await world.settle();
    expect(session.heard()).toBe('G !22P04 Z:I');
    session.copy(copyData('b'));
    session.copyEnd();
    session.group(inline('', 'copy'), bindInline(''), execute, sync);
    session.copyEnd();
    session.group(sync);
    await world.settle();
    expect(session.heard()).toBe('1 2 G ~ C:COPY 1 Z:I');
  });

  it('that failed in a pinned session leaves nothing that a later COPY could stumble over', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    session.pin(PinReason.listen);
    session.query('copy');
    session.copy(copyData('!'));
    await world.settle();
    session.heard();
    session.copy(copyData('b'));
    session.copyEnd();
    await world.settle();
    session.group(inline('', 'copy'), bindInline(''), execute, sync);
    session.copyEnd();
    session.group(sync);
    await world.settle();
    expect(session.heard()).toBe('1 2 G ~ C:COPY 1 Z:I');
  });
});

describe('cancel', () => {
  it('hits who runs at the head and nobody behind, who runs again unseen', async () => {
    const { world, postgres, gateway } = await house({ poolBackendsMax: 1 });
    const first = await gateway.session();
    const second = await gateway.session();
    postgres.holdsCancels = true;
    first.shared(inline('', 'hang'), bindInline(''), execute, sync);
    second.shared(inline('', 'hang'), bindInline(''), execute, sync);
    await world.settle();
    first.cancel();
    await world.settle();
    // The statement is done just before the signal comes, which hits the next one.
    only(postgres).go();
    await world.settle();
    postgres.cancelNow();
    await world.settle();
    expect(first.heard()).toBe('1 2 C:HANG Z:I');
    only(postgres).go();
    await world.settle();
    expect([first.heard(), second.heard()]).toEqual(['', '1 2 C:HANG Z:I']);
  });

  it('of a group that waits behind others is sent when it comes to the head', async () => {
    const { world, postgres, gateway } = await house({ poolBackendsMax: 1 });
    const first = await gateway.session();
    const second = await gateway.session();
    for (const session of [first, second]) session.shared(query('hang'));
    await world.settle();
    second.cancel();
    await world.settle();
    expect(only(postgres).log).not.toContain('cancelled');
    only(postgres).go();
    await world.settle();
    expect([first.heard(), second.heard()]).toEqual(['C:HANG Z:I', '!57014 Z:I']);
  });

  it('asked while another one is on its way is sent after that', async () => {
    const { world, postgres, gateway } = await house({ poolBackendsMax: 1 });
    const first = await gateway.session();
    const second = await gateway.session();
    postgres.holdsCancels = true;
    for (const session of [first, second]) session.shared(query('hang'));
    await world.settle();
    first.cancel();
    await world.settle();
    only(postgres).go();
    await world.settle();
    second.cancel();
    await world.settle();
    postgres.cancelNow();
    await world.settle();
    postgres.cancelNow();
    await world.settle();
    expect([first.heard(), second.heard()]).toEqual(['C:HANG Z:I', '!57014 Z:I']);
  });

  it('that comes too late never hits the next user of the backend', async () => {
    const { world, postgres, gateway } = await house({ poolBackendsMax: 1 });
    const first = await gateway.session();
    const second = await gateway.session();
    postgres.holdsCancels = true;
    first.query('hang');
    await world.settle();
    first.cancel();
    await world.settle();
    only(postgres).go();
    second.query('hang');
    await world.settle();
    expect(first.heard()).toBe('C:HANG Z:I');
    expect(only(postgres).log).toEqual(['Q hang']);
    postgres.cancelNow();
    await world.settle();
    only(postgres).go();
    await world.settle();
    expect(second.heard()).toBe('C:HANG Z:I');
  });

  it('reaches a statement that has no backend yet', async () => {
    const { world, gateway } = await house({ poolBackendsMax: 1 });
    const first = await gateway.session();
    const second = await gateway.session();
    await inTransaction(world, first);
    second.query('one');
    second.query('two');
    await world.settle();
    second.cancel();
    await world.settle();
    expect(second.heard()).toBe('!57014 Z:I');
    first.query('commit');
    await world.settle();
    expect(second.heard()).toBe('C:DONE Z:I');
  });
});

describe('a backend that is lost', () => {
  it('takes no shared statement with it: they run again elsewhere, once', async () => {
    const { world, postgres, gateway } = await house({ poolBackendsMax: 1 });
    const sessions = [await gateway.session(), await gateway.session()];
    for (const session of sessions) session.shared(query('hang'));
    await world.settle();
    only(postgres).kill();
    await world.settle();
    expect(sessions.map((session) => session.heard())).toEqual(['', '']);
    only(postgres).kill();
    await world.settle();
    expect(sessions.map((session) => session.heard())).toEqual(['!08006 Z:I', '!08006 Z:I']);
  });

  it('leaves the outcome of a lone statement unknown, and the session goes on', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    session.query('hang');
    await world.settle();
    only(postgres).kill();
    await world.settle();
    expect(session.heard()).toBe('!08007 Z:I');
    session.query('one');
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
  });

  it('ends a session that was in a transaction, with what Postgres said', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    await inTransaction(world, session);
    only(postgres).say((writer) =>
      encodeErrorResponse(writer, { severity: 'FATAL', sqlstate: '57P01', message: 'terminating connection' }),
    );
    only(postgres).kill();
    await world.settle();
    expect(session.ended).toMatchObject({ sqlstate: '57P01', message: 'terminating connection', fate: 'notApplied' });
  });

  it('does not make the gateway’s own preparation a statement whose outcome is unknown', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    session.pin(PinReason.preparedStatement);
    session.query('one');
    await world.settle();
    session.send(requestFlag.unseen, true, inline('x', 'one'), inline('y', 'one'), bindInline('x'));
    await world.settle();
    only(postgres).kill();
    await world.settle();
    expect(session.ended).toMatchObject({ sqlstate: '08006', fate: 'notApplied' });
  });

  it('with FATAL in the middle of a group tells nobody else', async () => {
    const { world, gateway } = await house();
    const [one, two] = [await gateway.session(), await gateway.session()];
    one.query('fatal');
    two.shared(query('two'));
    await world.settle();
    expect([one.heard(), two.heard()]).toEqual(['!08007 Z:I', 'C:DONE Z:I']);
  });
});

describe('a backend that is given back', () => {
  it('is reset after a pin that DISCARD ALL undoes, and forgets its statements', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    session.pin(PinReason.advisoryLock);
    session.group(parses(5), bind(5), execute, sync);
    await world.settle();
    expect(pooler.status().pools[0]).toMatchObject({ leased: 1 });
    session.close();
    await world.settle();
    expect(only(postgres).log.at(-1)).toBe('Q DISCARD ALL');
    expect(pooler.status().pools[0]).toMatchObject({ idle: 1, leased: 0 });
    const next = await gateway.session();
    next.shared(bind(5), execute, sync);
    await world.settle();
    expect(next.heard()).toBe('2 C:DONE Z:I');
  });

  it('is closed after a temporary table, and in the middle of a transaction', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const session = await gateway.session();
    session.pin(PinReason.tempObject);
    session.query('one');
    const other = await gateway.session();
    await inTransaction(world, other);
    session.close();
    other.close();
    await world.advance(1);
    expect(postgres.open).toHaveLength(0);
    expect(pooler.status().backends).toBe(0);
  });

  it('first finishes what a client sent before it left, and is then of use to others', async () => {
    const { world, postgres, pooler, gateway } = await house({ poolBackendsMax: 1 });
    const session = await gateway.session();
    session.query('hang');
    session.query('two');
    session.close();
    await world.advance(1000);
    only(postgres).go();
    await world.settle();
    expect(only(postgres).log).toEqual(['Q hang', 'Q two']);
    expect(pooler.status().pools[0]).toMatchObject({ idle: 1, leased: 0 });
    expect(session.heard()).toBe('');
  });

  it('is cancelled and closed if that takes too long', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const session = await gateway.session();
    session.query('hang');
    session.close();
    await world.advance(4000);
    const backend = only(postgres);
    expect(backend.log).toEqual(['Q hang']);
    await world.advance(2000);
    expect(backend.log).toEqual(['Q hang', 'cancelled']);
    expect(pooler.status().backends).toBe(0);
  });

  it('is cancelled at once in the middle of COPY data that will never come', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    session.query('copy');
    await world.settle();
    session.close();
    await world.advance(1);
    expect(postgres.open).toHaveLength(0);
  });
});

describe('waiting', () => {
  it('for a backend has an end, after which the session can go on', async () => {
    const { world, gateway } = await house({ poolBackendsMax: 1, waitMs: 1000 });
    const holder = await gateway.session();
    await inTransaction(world, holder);
    const session = await gateway.session();
    session.query('one');
    await world.advance(999);
    expect(session.heard()).toBe('');
    await world.advance(1);
    expect(session.heard()).toBe('!53300 Z:I');
    holder.query('commit');
    session.query('two');
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
  });

  it('is refused when too many wait, and what follows in the refused group is skipped', async () => {
    const { world, gateway } = await house({ poolBackendsMax: 1, waitersMax: 1 });
    const sessions = [await gateway.session(), await gateway.session(), await gateway.session()];
    await inTransaction(world, sessions[0] as FakeSession);
    sessions[1]?.query('one');
    sessions[2]?.piece(inline('', 'one'), flush);
    await world.settle();
    expect(sessions[2]?.heard()).toBe('!53300');
    sessions[2]?.group(bindInline(''), execute, sync);
    await world.settle();
    expect(sessions[2]?.heard()).toBe('Z:I');
  });

  it('of a thousand pipelined groups is refused without running out of stack', async () => {
    const { world, gateway } = await house({ poolBackendsMax: 1, waitersMax: 1, waitMs: 1000 });
    const [holder, waiter, session] = [await gateway.session(), await gateway.session(), await gateway.session()];
    await inTransaction(world, holder);
    session.query('first');
    await world.settle();
    for (let i = 0; i < 20_000; i++) session.group(sync);
    waiter.query('one');
    await world.settle();
    expect(waiter.heard()).toBe('!53300 Z:I');
    // Its place is taken, so that the rest of its groups is refused in one go.
    world.clock.after(1000, () => waiter.query('again'));
    await world.advance(1000);
    holder.query('commit');
    await world.advance(1000);
    expect(session.heard().match(/Z:I/g)).toHaveLength(20_001);
  });

  it('lets a login fail for all who wait when no login is possible, and survives a Postgres that is away', async () => {
    const { world, postgres, gateway } = await house({ idleMs: 100 });
    const session = await gateway.session();
    session.query('one');
    await world.advance(20_000);
    expect(session.heard()).toBe('C:DONE Z:I');
    expect(postgres.open).toHaveLength(0);
    postgres.refuses = '28P01';
    session.query('two');
    await world.settle();
    expect(session.heard()).toBe('!28P01 Z:I');
    postgres.refuses = '57P03';
    session.query('three');
    await world.advance(10_000);
    expect(session.heard()).toBe('');
    postgres.refuses = undefined;
    await world.advance(3000);
    expect(session.heard()).toBe('C:DONE Z:I');
  });

  it('for a place that other pools hold ends when one of their backends is idle', async () => {
    const { world, postgres, gateway } = await house({ backendsMax: 1 });
    const one = await gateway.session({ user: 'one' });
    await inTransaction(world, one);
    const two = await gateway.session({ user: 'two' });
    expect(two.opened).toBeUndefined();
    one.query('commit');
    await world.advance(1);
    expect(two.opened?.get('TimeZone')).toBe('UTC');
    two.query('one');
    await world.settle();
    expect(two.heard()).toBe('C:DONE Z:I');
    expect(postgres.backends).toHaveLength(2);
    expect(postgres.open).toHaveLength(1);
  });
});

describe('a slow reader', () => {
  const big = `row ${2 * windowBytes}`;

  it('holds back its own backend, and the next user of that backend does not wait for it', async () => {
    const { world, pooler, gateway } = await house({ poolBackendsMax: 1 });
    const [slow, other] = [await gateway.session(), await gateway.session()];
    slow.query(big);
    slow.query('two');
    await world.settle();
    expect(slow.heard()).not.toContain('two');
    other.query('one');
    await world.settle();
    expect(other.heard()).toBe('');
    slow.read();
    await world.settle();
    expect(slow.heard()).toContain('Z:I');
    expect(other.heard()).toBe('C:DONE Z:I');
    expect(pooler.status().pools[0]).toMatchObject({ idle: 1, leased: 0 });
  });

  it('whose answer is all out does not leave its backend asleep for the next', async () => {
    const { world, gateway } = await house({ poolBackendsMax: 1 });
    const [slow, other] = [await gateway.session(), await gateway.session()];
    // With its header, CommandComplete and ReadyForQuery just as much as the window holds.
    slow.query(`row ${windowBytes - 31}`);
    await world.settle();
    other.query('one');
    await world.settle();
    expect(slow.heard()).toContain('Z:I');
    expect(other.heard()).toBe('C:DONE Z:I');
  });

  it('on a shared backend delays those behind it for a moment only', async () => {
    const { world, postgres, pooler, gateway } = await house({ poolBackendsMax: 2, sharedBackendsMax: 1 });
    const [slow, behind, later] = [await gateway.session(), await gateway.session(), await gateway.session()];
    slow.shared(query(big));
    behind.shared(query('one'));
    await world.settle();
    expect(behind.heard()).toBe('');
    await world.advance(200);
    expect(behind.heard()).toBe('C:DONE Z:I');
    later.shared(query('two'));
    await world.settle();
    expect(later.heard()).toBe('C:DONE Z:I');
    slow.read();
    await world.settle();
    expect(slow.heard()).toContain('Z:I');
    expect(pooler.status().pools[0]).toMatchObject({ leased: 0, shared: 0, idle: 2 });
    expect(postgres.open).toHaveLength(2);
  });

  it('is not the only one whom others need not wait for: a large answer passes alone, however fast it is read', async () => {
    const { world, pooler, gateway } = await house({ poolBackendsMax: 2, sharedBackendsMax: 1, slowMs: Infinity });
    const [large, behind, later] = [await gateway.session(), await gateway.session(), await gateway.session()];
    large.read();
    gateway.define(5, 'row 2000000');
    gateway.define(6, 'hang');
    large.shared(bind(5), execute, bind(6), execute, sync);
    behind.shared(query('one'));
    await world.settle();
    expect(behind.heard()).toBe('C:DONE Z:I');
    later.shared(query('two'));
    await world.settle();
    expect(later.heard()).toBe('C:DONE Z:I');
    expect(large.heard()).not.toContain('Z:I');
    large.cancel();
    await world.settle();
    expect(large.heard()).toContain('Z:I');
    expect(pooler.status().pools[0]).toMatchObject({ shared: 0, idle: 2 });
  });

  it('that leaves is no longer waited for', async () => {
    const { world, pooler, gateway } = await house({ poolBackendsMax: 1 });
    const slow = await gateway.session();
    slow.query(big);
    await world.settle();
    slow.close();
    await world.settle();
    expect(pooler.status().pools[0]).toMatchObject({ idle: 1, leased: 0 });
  });

  it('sends no more than the window holds, Parse messages without bytes included, until Postgres has taken it', async () => {
    const { world, gateway } = await house();
    const session = await gateway.session();
    gateway.define(5, 'one');
    for (let i = 0; i < 100; i++) session.piece(...Array.from({ length: 100 }, () => parses(5)));
    session.group(sync);
    await world.settle();
    expect(session.credits).toBeGreaterThan(0);
  });
});

describe('messages that belong to no group', () => {
  it('reach the session that holds the backend, and nobody if none does', async () => {
    const { world, postgres, gateway } = await house();
    const session = await gateway.session();
    session.pin(PinReason.listen);
    session.query('listen');
    await world.settle();
    session.heard();
    only(postgres).say((writer) => encodeNotificationResponse(writer, 7, 'c', 'p'));
    await world.settle();
    expect(session.heard()).toBe('A');
  });

  it('tell new sessions of a reload, but not what another session has set', async () => {
    const { world, postgres, gateway } = await house();
    const pinned = await gateway.session();
    pinned.pin(PinReason.settings);
    pinned.query('set TimeZone Mars');
    await world.settle();
    expect((await gateway.session()).opened?.get('TimeZone')).toBe('UTC');
    const other = await gateway.session();
    other.query('one');
    await world.settle();
    postgres.open.at(-1)?.say((writer) => encodeParameterStatus(writer, 'TimeZone', 'Venus'));
    await world.settle();
    expect((await gateway.session()).opened?.get('TimeZone')).toBe('Venus');
  });
});

describe('a gateway', () => {
  it('that breaks the protocol loses its own link, and another one notices nothing', async () => {
    const { world, pooler, gateway } = await house();
    const other = await FakeGateway.connect(world, relay);
    const session = await other.session();
    const bad = await gateway.session();
    bad.group(bind(99), sync);
    await world.settle();
    expect([gateway.isClosed, other.isClosed]).toEqual([true, false]);
    expect(world.lines.map(({ message }) => message)).toContain('a gateway broke the protocol');
    session.query('one');
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
    expect(pooler.status()).toMatchObject({ gateways: 1, sessions: 1 });
  });

  it('that goes takes its sessions with it, logins under way included', async () => {
    const { world, postgres, pooler, gateway } = await house();
    await inTransaction(world, await gateway.session());
    gateway.arrive({ user: 'late' });
    gateway.link.destroy();
    await world.advance(100);
    expect(pooler.status()).toMatchObject({ gateways: 0, sessions: 0 });
    expect(postgres.open.length).toBeLessThanOrEqual(1);
  });
});

it('a pooler that stops tells all sessions, closes all backends and leaves no timer behind', async () => {
  const { world, postgres, pooler, gateway } = await house();
  const [idle, busy, shared] = [await gateway.session(), await gateway.session(), await gateway.session()];
  await inTransaction(world, busy);
  shared.shared(query('hang'));
  postgres.isSilent = true;
  const late = await gateway.session({ user: 'late' });
  await world.until(pooler.stop());
  await world.advance(1);
  expect([idle, busy, shared, late].map((session) => session.ended?.sqlstate)).toEqual(Array(4).fill('57P01'));
  await world.advance(60_000);
  expect(postgres.open).toHaveLength(0);
  expect(gateway.isClosed).toBe(true);
});
