import { PinReason } from '@multigres/sql';
import { requestFlag } from '@multigres/relay';
import { describe, expect, it } from 'vitest';
import { bind, execute, parses, query, sync } from '../testing/fake-gateway.ts';
import type { FakeBackend } from '../testing/fake-postgres.ts';
import { house } from '../testing/house.ts';

describe('a gate that is closed', () => {
  it('gives back what comes, as it came, and lets what runs end', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const [idle, busy] = [await gateway.session(), await gateway.session()];
    busy.query('begin');
    await world.settle();
    pooler.gates.leader.close('it resigns');
    idle.query('one');
    busy.query('two');
    busy.query('commit');
    busy.query('three');
    await world.settle();
    expect(idle.heard()).toBe('');
    expect(idle.returned).toMatchObject([{ flags: requestFlag.simple, count: 1 }]);
    expect(busy.heard()).toBe('C:BEGIN Z:T C:DONE Z:T C:COMMIT Z:I');
    expect(busy.returned).toHaveLength(1);
    expect(postgres.open.flatMap(({ log }) => log)).toEqual(['Q begin', 'Q two', 'Q commit']);
  });

  it('gives back everything behind what it gave back, even after it has opened, until the channel is recalled', async () => {
    const { world, pooler, gateway } = await house();
    const session = await gateway.session();
    pooler.gates.leader.close('it resigns');
    session.piece(query('half'));
    await world.settle();
    pooler.gates.leader.open();
    session.group(sync);
    session.recall();
    await world.settle();
    expect(session.returned.map(({ count }) => count)).toEqual([0, 1]);
    expect([session.isRecalled, session.heard(), pooler.status().sessions]).toEqual([true, '', 0]);
  });

  it('gives back who waits for a backend, and what came back runs elsewhere as if nothing had been', async () => {
    const { world, postgres, pooler, gateway } = await house({ poolBackendsMax: 1 });
    const [holder, waiter] = [await gateway.session(), await gateway.session()];
    gateway.define(5, 'carried');
    holder.query('begin');
    await world.settle();
    waiter.group(parses(5), bind(5), execute, sync);
    await world.settle();
    gateway.forget(5);
    await world.settle();
    pooler.gates.leader.close('it resigns');
    await world.settle();
    expect(waiter.returned).toHaveLength(1);
    expect(waiter.defined).toEqual(['carried']);
    holder.query('commit');
    pooler.gates.leader.open();
    gateway.define(5, 'carried');
    const next = await gateway.session();
    waiter.again(next);
    await world.settle();
    expect(next.heard()).toBe('1 2 C:DONE Z:I');
    expect((postgres.open[0] as FakeBackend).log.filter((line) => line.startsWith('E'))).toEqual(['E carried']);
  });

  it('lets nobody in, and lets reads of followers pass', async () => {
    const { world, pooler, gateway } = await house();
    pooler.gates.leader.close('it follows another');
    const writer = await gateway.session();
    expect(writer.ended).toMatchObject({ sqlstate: 'MG005', fate: 'notApplied' });
    const reader = await gateway.session({ at: 'follower' });
    reader.shared(query('one'));
    await world.settle();
    expect(reader.heard()).toBe('C:DONE Z:I');
  });

  it('keeps waiting who has something on a backend that cannot move', async () => {
    const { world, pooler, gateway } = await house();
    const session = await gateway.session();
    session.pin(PinReason.tempObject);
    session.query('create temp table');
    await world.settle();
    session.heard();
    pooler.gates.leader.close('it resigns');
    session.query('more');
    await world.settle();
    expect([session.heard(), session.returned.length]).toEqual(['', 0]);
    pooler.gates.leader.open();
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
  });

  it('gives back a read whose backend died under it', async () => {
    const { world, postgres, pooler, gateway } = await house();
    const session = await gateway.session();
    session.shared(query('warm up'));
    await world.settle();
    session.heard();
    session.shared(query('hang'));
    await world.settle();
    pooler.gates.leader.close('Postgres is gone');
    (postgres.open[0] as FakeBackend).kill();
    await world.settle();
    expect(session.heard()).toBe('');
    expect(session.returned).toHaveLength(1);
  });

  it('gives back to a reader what it would not find here yet', async () => {
    const { world, pooler, gateway } = await house();
    const reader = await gateway.session({ at: 'follower' });
    pooler.gates.follower.replayedLsn = 99n;
    reader.after(100n);
    reader.shared(query('one'));
    await world.settle();
    expect([reader.heard(), reader.returned.length]).toEqual(['', 1]);
    const later = await gateway.session({ at: 'follower' });
    pooler.gates.follower.replayedLsn = 100n;
    later.after(100n);
    later.shared(query('one'));
    await world.settle();
    expect(later.heard()).toBe('C:DONE Z:I');
  });
});
