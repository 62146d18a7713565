import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../testing/fake-client.ts';
import { shardHouse, type ShardHouse } from '../testing/shard-house.ts';

/** `a` in the gateway's own cell leads, the others follow and are up to date. */
async function led(limits?: Parameters<typeof shardHouse>[0]): Promise<ShardHouse> {
  const house = await shardHouse(limits);
  house.a.leads(1);
  house.b.follows(1);
  house.c.follows(1, 0n, false);
  await house.world.settle();
  return house;
}

async function ask({ world }: ShardHouse, client: FakeClient, ...texts: readonly string[]): Promise<string> {
  client.say(...texts);
  await world.settle();
  return client.heard();
}

const prefer = { 'multigres.reads': 'prefer-replica' };
const only = { 'multigres.reads': 'replica' };

describe('a session that prefers replicas', () => {
  it('reads at a follower and does all else at the leader', async () => {
    const house = await led();
    const client = await house.client(prefer);
    expect(await ask(house, client, 'select 1')).toBe('Z:I b:select 1 Z:I');
    expect(await ask(house, client, 'begin')).toBe('a:begin Z:T');
    expect(await ask(house, client, 'select 2')).toBe('a:select 2 Z:T');
    expect(await ask(house, client, 'commit')).toBe('a:commit Z:I');
    expect(await ask(house, client, 'select f()')).toBe('a:select f() Z:I');
  });

  it('gets its answers in order, however fast it asks', async () => {
    const house = await led();
    const client = await house.client(prefer);
    client.heard();
    expect(await ask(house, client, 'select 1', 'insert', 'select 2', 'select 3', 'update')).toBe(
      'b:select 1 Z:I a:insert Z:I a:select 2 Z:I a:select 3 Z:I a:update Z:I',
    );
  });

  it('never reads from a follower that has not replayed what it wrote', async () => {
    const house = await led();
    const client = await house.client(prefer);
    expect(await ask(house, client, 'select 1')).toBe('Z:I b:select 1 Z:I');
    house.a.lsn = 500n;
    expect(await ask(house, client, 'insert')).toBe('a:insert Z:I');
    expect(await ask(house, client, 'select 2')).toBe('a:select 2 Z:I');
    house.b.follows(1, 499n);
    await house.world.settle();
    expect(await ask(house, client, 'select 3')).toBe('a:select 3 Z:I');
    house.b.follows(1, 500n);
    await house.world.settle();
    expect(await ask(house, client, 'select 4')).toBe('b:select 4 Z:I');
  });

  it('reads at the leader when the follower itself knows better how far it is', async () => {
    const house = await led();
    const client = await house.client(prefer);
    client.heard();
    house.a.lsn = 500n;
    await ask(house, client, 'insert');
    house.b.follows(1, 500n);
    await house.world.settle();
    house.b.lsn = 400n;
    expect(await ask(house, client, 'select 2')).toBe('a:select 2 Z:I');
  });

  it('has a read that was under way at a lost follower answered by the leader', async () => {
    const house = await led();
    const client = await house.client(prefer);
    house.b.hangs = true;
    expect(await ask(house, client, 'select 1')).toBe('Z:I');
    house.b.breaks();
    await house.world.settle();
    expect(client.heard()).toBe('a:select 1 Z:I');
  });

  it('goes to another follower when the one that it used is not eligible any more', async () => {
    const house = await led();
    const client = await house.client(prefer);
    expect(await ask(house, client, 'select 1')).toBe('Z:I b:select 1 Z:I');
    house.b.follows(1, 0n, false);
    house.c.follows(1);
    await house.world.settle();
    expect(await ask(house, client, 'select 2')).toBe('c:select 2 Z:I');
  });

  it('reads at the leader while no follower is close enough behind', async () => {
    const house = await led({ replicaLagBytesMax: 100 });
    const client = await house.client(prefer);
    client.heard();
    house.a.lsn = 201n;
    house.a.leads(1);
    house.b.follows(1, 100n);
    await house.world.settle();
    expect(await ask(house, client, 'select 1')).toBe('a:select 1 Z:I');
  });

  it('lives through a failover while it is at a follower, and while it is not', async () => {
    const house = await led();
    const [away, home] = [await house.client(prefer), await house.client(prefer)];
    expect(await ask(house, away, 'select 1')).toBe('Z:I b:select 1 Z:I');
    expect(await ask(house, home, 'insert')).toBe('Z:I a:insert Z:I');
    house.a.breaks();
    house.a.resigns(1);
    house.c.leads(2);
    house.b.follows(2);
    await house.world.settle();
    expect(await ask(house, away, 'select 2', 'insert')).toBe('b:select 2 Z:I c:insert Z:I');
    expect(await ask(house, home, 'insert')).toBe('c:insert Z:I');
  });

  it('can ask for it and take it back at any time', async () => {
    const house = await led();
    const client = await house.client();
    expect(await ask(house, client, 'select 1')).toBe('Z:I a:select 1 Z:I');
    await ask(house, client, "set multigres.reads = 'prefer-replica'");
    expect(await ask(house, client, 'select 2')).toBe('b:select 2 Z:I');
    expect([...house.b.sessions.values()].map(({ settings }) => settings)).toEqual([
      `SET "multigres"."reads" TO 'prefer-replica'`,
    ]);
    await ask(house, client, 'reset multigres.reads');
    expect(await ask(house, client, 'select 3')).toBe('a:select 3 Z:I');
    expect(house.b.sessions.size).toBe(0);
  });

  it('is told when it asks for something that there is not', async () => {
    const house = await led();
    const client = await house.client();
    expect(await ask(house, client, "set multigres.reads = 'somewhere'")).toBe('Z:I !ERROR:22023 Z:I');
  });

  it('leaves nothing behind', async () => {
    const house = await led();
    const client = await house.client(prefer);
    await ask(house, client, 'insert', 'select 1');
    client.leave();
    await house.world.advance(6000);
    expect([house.a.sessions.size, house.b.sessions.size]).toEqual([0, 0]);
  });
});

describe('a session that reads at replicas only', () => {
  it('is at a follower with all that it does', async () => {
    const house = await led();
    const client = await house.client(only);
    expect(await ask(house, client, 'begin', 'select 1', 'commit', 'insert')).toBe(
      'Z:I b:begin Z:T b:select 1 Z:T b:commit Z:I b:insert Z:I',
    );
  });

  it('leaves a follower that stops', async () => {
    const house = await led();
    const [one, other] = [await house.client(only), await house.client(prefer)];
    await ask(house, one, 'select 1');
    await ask(house, other, 'select 1');
    house.b.isLeaving();
    await house.world.settle();
    expect(house.b.sessions.size).toBe(0);
    house.b.breaks();
    house.c.follows(1);
    await house.world.settle();
    expect([one.heard(), other.heard()].join(' ')).not.toContain('!');
    expect(await ask(house, one, 'select 2')).toBe('c:select 2 Z:I');
    expect(await ask(house, other, 'select 2')).toBe('c:select 2 Z:I');
  });

  it('waits for a follower, and not for a leader', async () => {
    const house = await shardHouse({ poolerWaitMs: 3000 });
    const client = await house.client(only);
    expect(client.heard()).toBe('');
    house.b.follows(1);
    await house.world.settle();
    expect(await ask(house, client, 'select 1')).toBe('Z:I b:select 1 Z:I');
    const other = await house.client();
    await house.world.advance(3000);
    expect(other.heard()).toBe('!FATAL:57P03');
  });

  it('goes on at another follower', async () => {
    const house = await led();
    const client = await house.client(only);
    expect(await ask(house, client, 'select 1')).toBe('Z:I b:select 1 Z:I');
    house.b.breaks();
    house.b.follows(1, 0n, false);
    house.c.follows(1);
    await house.world.settle();
    expect(await ask(house, client, 'select 2')).toBe('c:select 2 Z:I');
  });

  it('finds what it wrote before it became one', async () => {
    const house = await led();
    const client = await house.client();
    house.a.lsn = 500n;
    await ask(house, client, 'insert', "set multigres.reads = 'replica'");
    client.heard();
    expect(await ask(house, client, 'select 1')).toBe('');
    house.b.follows(1, 500n);
    await house.world.settle();
    expect(client.heard()).toBe('b:select 1 Z:I');
  });
});
