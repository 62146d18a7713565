import { describe, expect, it } from 'vitest';
import { bind, execute, parses, query, sync } from '../testing/fake-gateway.ts';
import { memberHouse } from '../testing/house.ts';

describe('an answer of a leader', () => {
  it('waits for the lease when it comes too late, whole and in order', async () => {
    const { world, pooler, gateway } = await memberHouse();
    const session = await gateway.session();
    pooler.guard?.allow(world.clock.nowMs() + 100);
    session.query('one');
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
    await world.advance(100);
    session.query('row 10');
    session.query('two');
    await world.advance(1_000);
    expect(session.heard()).toBe('');
    pooler.guard?.allow(world.clock.nowMs() + 100);
    await world.settle();
    expect(session.heard()).toBe('D C:SELECT 1 Z:I C:DONE Z:I');
  });

  it('is never told when the member has let go: what runs is of unknown fate', async () => {
    const { world, pooler, gateway } = await memberHouse();
    const session = await gateway.session();
    session.query('warm up');
    await world.settle();
    session.heard();
    pooler.guard?.allow(-Infinity);
    session.query('write');
    await world.settle();
    pooler.guard?.drop();
    await world.settle();
    expect(session.heard()).toBe('!08007 Z:I');
  });

  it('is given up after a while, and a read that nobody heard of goes on elsewhere', async () => {
    const { world, postgres, pooler, gateway } = await memberHouse();
    const session = await gateway.session();
    session.shared(query('warm up'));
    await world.settle();
    session.heard();
    pooler.guard?.allow(-Infinity);
    session.shared(query('read'));
    await world.advance(9_999);
    expect(postgres.open).toHaveLength(1);
    pooler.gates.leader.close('its lease has lapsed');
    await world.advance(1);
    expect([session.heard(), session.returned.length]).toEqual(['', 1]);
  });

  it('waits for nothing at a pooler that stands alone', async () => {
    const { pooler } = await memberHouse();
    expect(pooler.guard?.untilMs).toBe(Infinity);
  });
});

describe('a commit whose quorum nobody waits for any more', () => {
  it('is of unknown fate, and nothing else of its group is told', async () => {
    const { world, pooler, gateway } = await memberHouse();
    const session = await gateway.session();
    session.query('unsure');
    await world.settle();
    pooler.guard?.allow(Infinity);
    await world.settle();
    expect(session.heard()).toBe('!08007 Z:I');
    session.query('one');
    await world.settle();
    expect(session.heard()).toBe('C:DONE Z:I');
  });

  it('is so in the extended protocol as well', async () => {
    const { world, pooler, gateway } = await memberHouse();
    const session = await gateway.session();
    gateway.define(5, 'unsure');
    session.group(parses(5), bind(5), execute, sync);
    await world.settle();
    pooler.guard?.allow(Infinity);
    await world.settle();
    expect(session.heard()).toBe('1 2 !08007 Z:I');
  });

  it('keeps everybody waiting who might see it, until a later commit has reached the quorum', async () => {
    const { world, pooler, gateway } = await memberHouse();
    const [one, other] = [await gateway.session(), await gateway.session()];
    one.query('unsure');
    other.query('look');
    await world.settle();
    expect(other.heard()).toBe('');
    pooler.guard?.allow(Infinity);
    await world.settle();
    expect(other.heard()).not.toBe('');
  });
});
