import { describe, expect, it } from 'vitest';
import { bind, execute, sync } from '../testing/fake-gateway.ts';
import { house } from '../testing/house.ts';

describe('PAUSE', () => {
  it('lets a transaction finish, keeps everybody else waiting, and is through when no backend is left', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const [holder, other] = [await gateway.session(), await gateway.session()];
    holder.query('begin');
    await world.settle();
    let outcome = '';
    void pooler.operations.pause().then(() => (outcome = 'paused'));
    other.query('one');
    holder.query('two');
    await world.settle();
    expect([holder.heard(), other.heard(), outcome]).toEqual(['C:BEGIN Z:T C:DONE Z:T', '', '']);
    holder.query('commit');
    holder.query('three');
    await world.settle();
    expect([holder.heard(), outcome, postgres.open.length]).toEqual(['C:COMMIT Z:I', 'paused', 0]);
    expect(pooler.status().pools[0]).toMatchObject({ waiting: 2, idle: 0, leased: 0 });
    void pooler.operations.resume();
    await world.settle();
    expect([holder.heard(), other.heard()]).toEqual(['C:DONE Z:I', 'C:DONE Z:I']);
  });

  it('of one database leaves the others alone, and holds for those who come later', async () => {
    const { world, pooler, gateway } = await house();
    await gateway.session();
    await world.until(pooler.operations.pause('d'));
    const late = gateway.arrive({ user: 'late' });
    const elsewhere = await gateway.session({ database: 'e' });
    elsewhere.query('one');
    await world.settle();
    expect([late.opened, elsewhere.heard()]).toEqual([undefined, 'C:DONE Z:I']);
    void pooler.operations.resume('d');
    await world.settle();
    late.query('two');
    await world.settle();
    expect(late.heard()).toBe('C:DONE Z:I');
  });

  it('keeps nobody waiting for longer than a statement may wait', async () => {
    const { world, pooler, gateway } = await house({ waitMs: 1000 });
    const session = await gateway.session();
    void pooler.operations.pause();
    session.query('one');
    await world.advance(1000);
    expect(session.heard()).toBe('!53300 Z:I');
  });

  it('is over for who waits for it when somebody resumes first', async () => {
    const { world, pooler, gateway } = await house();
    const holder = await gateway.session();
    holder.query('begin');
    await world.settle();
    const paused = pooler.operations.pause();
    void pooler.operations.resume();
    await expect(world.until(paused)).rejects.toMatchObject({ sqlstate: '57014' });
    holder.query('commit');
    await world.settle();
    expect(holder.heard()).toBe('C:BEGIN Z:T C:COMMIT Z:I');
  });

  it('finishes the shared statements that were sent', async () => {
    const { world, postgres, pooler, gateway } = await house({ sharedBackendsMax: 1 });
    gateway.define(1, 'hang');
    gateway.define(2, 'two');
    const [first, second] = [await gateway.session(), await gateway.session()];
    first.shared(bind(1), execute, sync);
    second.shared(bind(2), execute, sync);
    await world.settle();
    let through = false;
    void pooler.operations.pause().then(() => (through = true));
    await world.settle();
    expect(through).toBe(false);
    postgres.open[0]?.go();
    await world.settle();
    expect([first.heard(), second.heard(), through]).toEqual(['2 C:HANG Z:I', '2 C:DONE Z:I', true]);
    expect(postgres.open).toHaveLength(0);
  });

  it('is refused for a database that nobody was served in, and RESUME without it', async () => {
    const { pooler } = await house();
    await expect(pooler.operations.pause('nowhere')).rejects.toMatchObject({ sqlstate: '3D000' });
    await expect(pooler.operations.resume()).rejects.toMatchObject({ sqlstate: '55000' });
  });
});

describe('KILL', () => {
  it('ends the sessions of a database and keeps newcomers waiting until RESUME', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const session = await gateway.session();
    const elsewhere = await gateway.session({ database: 'e' });
    session.query('begin');
    await world.settle();
    await pooler.operations.kill('d');
    await world.settle();
    expect(session.ended?.sqlstate).toBe('57P01');
    expect([elsewhere.ended, postgres.open.length]).toEqual([undefined, 1]);
    const newcomer = await gateway.session();
    newcomer.query('one');
    await world.settle();
    expect(newcomer.heard()).toBe('');
    void pooler.operations.resume('d');
    await world.settle();
    expect(newcomer.heard()).toBe('C:DONE Z:I');
  });
});

describe('RECONNECT', () => {
  it('replaces backends as they become free', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const session = await gateway.session();
    session.query('begin');
    await world.settle();
    await pooler.operations.reconnect();
    session.query('one');
    await world.settle();
    expect(session.heard()).toBe('C:BEGIN Z:T C:DONE Z:T');
    session.query('commit');
    session.query('two');
    await world.settle();
    expect(session.heard()).toBe('C:COMMIT Z:I C:DONE Z:I');
    expect(postgres.backends.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });
});

describe('who sends without waiting', () => {
  it('gives the backend to others who wait for it after a while', async () => {
    const { world, gateway, postgres } = await house({ poolBackendsMax: 1 });
    const [greedy, other] = [await gateway.session(), await gateway.session()];
    for (let i = 0; i < 300; i++) greedy.query(`g${i}`);
    other.query('other');
    await world.settle();
    const log = postgres.open[0]?.log ?? [];
    expect(greedy.heard().match(/Z:I/g)).toHaveLength(300);
    expect(log).toHaveLength(301);
    expect(log.indexOf('Q other')).toBeLessThan(150);
    expect(log.filter((line) => line !== 'Q other')).toEqual(Array.from({ length: 300 }, (_, i) => `Q g${i}`));
  });
});

describe('totals', () => {
  it('tell what happened in a database, also in pools that are gone', async () => {
    const { world, gateway, pooler } = await house({ poolBackendsMax: 1 });
    const [session, other] = [await gateway.session(), await gateway.session()];
    session.query('begin');
    other.query('one');
    await world.advance(250);
    session.query('commit');
    await world.settle();
    const [row] = pooler.totals().values();
    expect(row).toMatchObject({ groups: 3, transactions: 2, waits: 1, waitMs: 250 });
    expect([row?.bytesReceived, row?.bytesSent].every((bytes) => bytes !== undefined && bytes > 20)).toBe(true);
  });
});
