import { encodeBind, encodeClose, encodeExecute, encodeParse, encodeSync, type MessageWriter } from '@multigres/pgwire';
import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../testing/fake-client.ts';
import { shardHouse, type ShardHouse } from '../testing/shard-house.ts';

async function led(limits?: Parameters<typeof shardHouse>[0]): Promise<ShardHouse> {
  const house = await shardHouse(limits);
  house.a.leads(1);
  house.b.follows(1);
  house.c.follows(1);
  await house.world.settle();
  return house;
}

async function ask({ world }: ShardHouse, client: FakeClient, ...texts: readonly string[]): Promise<string> {
  client.say(...texts);
  await world.settle();
  return client.heard();
}

/** `a` is gone for good, and `b` leads. */
async function failOver({ world, a, b, c }: ShardHouse): Promise<void> {
  a.resigns(1);
  a.breaks();
  b.leads(2);
  c.follows(2);
  await world.settle();
}

describe('where sessions go', () => {
  it('is the open leader, wherever its cell is', async () => {
    const house = await shardHouse();
    house.b.leads(1);
    await house.world.settle();
    const client = await house.client();
    expect(client.heard()).toBe('Z:I');
    expect(await ask(house, client, 'one')).toBe('b:one Z:I');
  });

  it('is the leader by the newest rule, and never again an older one', async () => {
    const house = await led();
    const client = await house.client();
    client.heard();
    house.b.leads(3);
    await house.world.settle();
    expect(await ask(house, client, 'one')).toBe('b:one Z:I');
    house.b.resigns(3);
    house.a.leads(1);
    house.c.leads(2);
    await house.world.settle();
    expect(await ask(house, client, 'two')).toBe('');
    house.c.leads(4);
    await house.world.settle();
    expect(client.heard()).toBe('c:two Z:I');
  });

  it('is nobody whose rule is older than one that a follower knows to be decided', async () => {
    const house = await shardHouse();
    house.b.follows(2);
    house.a.leads(1);
    await house.world.settle();
    const client = await house.client();
    expect(client.heard()).toBe('');
    house.a.leads(2, 1);
    await house.world.settle();
    expect(client.heard()).toBe('Z:I');
  });

  it('stays what it is while the topology is away', async () => {
    const house = await led();
    for (const store of [house.topology.global, ...house.topology.cells.values()]) store.outage = 'refusing';
    await house.world.advance(60_000);
    const client = await house.client();
    client.heard();
    await failOver(house);
    expect(await ask(house, client, 'one')).toBe('b:one Z:I');
  });
});

describe('while nobody leads', () => {
  it('what sessions ask for waits, each group of it runs once, and logins wait as well', async () => {
    const house = await led();
    const client = await house.client();
    client.heard();
    house.a.resigns(1);
    await house.world.settle();
    expect(await ask(house, client, 'one', 'two')).toBe('');
    const late = await house.client();
    expect(late.heard()).toBe('');
    house.b.leads(2);
    await house.world.settle();
    expect(client.heard()).toBe('b:one Z:I b:two Z:I');
    expect(late.heard()).toBe('Z:I');
    expect([house.a.ran, house.b.ran]).toEqual([[], ['one', 'two']]);
  });

  it('a transaction goes on at the leader that resigns, and the session leaves it afterwards', async () => {
    const house = await led();
    const client = await house.client();
    expect(await ask(house, client, 'begin')).toBe('Z:I a:begin Z:T');
    house.a.resigns(1);
    await house.world.settle();
    expect(await ask(house, client, 'one')).toBe('a:one Z:T');
    expect(await ask(house, client, 'commit', 'two')).toBe('a:commit Z:I');
    house.b.leads(2);
    await house.world.settle();
    expect(client.heard()).toBe('b:two Z:I');
  });

  it('what the old leader gives back is sent to the next one, unseen', async () => {
    const house = await led();
    const client = await house.client();
    client.heard();
    // The gateway does not know yet.
    house.a.serves = false;
    expect(await ask(house, client, 'one', 'two')).toBe('');
    house.b.leads(2);
    await house.world.settle();
    expect(client.heard()).toBe('b:one Z:I b:two Z:I');
    expect(house.a.ran).toEqual([]);
  });

  it('what is given back finds its statements again, also those that the gateway has forgotten', async () => {
    const house = await led({ statementsMax: 1 });
    const client = await house.client();
    client.heard();
    house.a.serves = false;
    const parse = (text: string): ((writer: MessageWriter) => void)[] => [
      (writer) => encodeParse(writer, 'named', text),
      (writer) => encodeBind(writer, { portal: '', statement: 'named' }),
      (writer) => encodeExecute(writer, ''),
      encodeSync,
    ];
    client.write(...parse('first'));
    // Another session's statement takes its place in the catalogue, and the pooler is told to forget it.
    client.write((writer) => encodeClose(writer, 'statement', 'named'), encodeSync, ...parse('second'));
    await house.world.settle();
    house.b.leads(2);
    await house.world.settle();
    expect(house.b.ran.filter((text) => text !== 'sync')).toEqual(['first', 'second']);
    expect(house.a.ran).toEqual([]);
    expect(client.heard()).not.toContain('!');
  });

  it('what is given back goes to the same leader again when that is heard to serve', async () => {
    const house = await led();
    const client = await house.client();
    client.heard();
    house.a.serves = false;
    expect(await ask(house, client, 'one')).toBe('');
    house.a.leads(1);
    await house.world.settle();
    expect(client.heard()).toBe('a:one Z:I');
  });

  it('a session that is let in by nobody waits for the next leader', async () => {
    const house = await led();
    house.a.serves = false;
    const client = await house.client();
    expect(client.heard()).toBe('');
    house.b.leads(2);
    await house.world.settle();
    expect(client.heard()).toBe('Z:I');
  });

  it('the wait ends with an error that says that nothing was done', async () => {
    const house = await led({ poolerWaitMs: 3000 });
    const client = await house.client();
    client.heard();
    house.a.resigns(1);
    await house.world.settle();
    expect(await ask(house, client, 'one')).toBe('');
    await house.world.advance(2999);
    expect(client.heard()).toBe('');
    await house.world.advance(1);
    expect(client.heard()).toBe('!FATAL:57P03');
  });

  it('who is given the same back again and again gives up in time', async () => {
    const house = await led({ poolerWaitMs: 3000 });
    const client = await house.client();
    client.heard();
    house.a.serves = false;
    client.say('one');
    await house.world.advance(3500);
    expect(client.heard()).toBe('!FATAL:57P03');
  });

  it('each wait is as long as the first: what was given back before was answered since', async () => {
    const house = await led();
    const client = await house.client();
    client.heard();
    house.a.serves = false;
    expect(await ask(house, client, 'one')).toBe('');
    house.b.leads(2);
    await house.world.settle();
    expect(client.heard()).toBe('b:one Z:I');
    await house.world.advance(60_000);
    house.b.serves = false;
    expect(await ask(house, client, 'two')).toBe('');
    await house.world.advance(2_000);
    house.c.leads(3);
    await house.world.settle();
    expect(client.heard()).toBe('c:two Z:I');
  });

  it('only so many sessions wait, with so many bytes', async () => {
    const house = await led({ bufferSessionsMax: 1 });
    const [one, two] = [await house.client(), await house.client()];
    house.a.resigns(1);
    await house.world.settle();
    expect(await ask(house, one, 'one')).toBe('Z:I');
    expect(await ask(house, two, 'two')).toBe('Z:I !FATAL:57P03');
    house.b.leads(2);
    await house.world.settle();
    expect(one.heard()).toBe('b:one Z:I');
  });

  it('who leaves while it waits is forgotten', async () => {
    const house = await led();
    const client = await house.client();
    house.a.resigns(1);
    await house.world.settle();
    await ask(house, client, 'one');
    client.leave();
    await house.world.advance(6000);
    house.b.leads(2);
    await house.world.settle();
    expect(house.gateway.status().sessions).toBe(0);
    expect(house.b.ran).toEqual([]);
  });

  it('a crowd comes to the new leader in waves, in the order of its coming', async () => {
    const house = await led();
    const crowd = await Promise.all(Array.from({ length: 100 }, () => house.client()));
    house.a.resigns(1);
    await house.world.settle();
    for (const [at, client] of crowd.entries()) client.say(`q${at}`);
    await house.world.settle();
    house.b.leads(2);
    await house.world.settle();
    expect(house.b.ran).toHaveLength(64);
    await house.world.advance(2);
    expect(house.b.ran).toEqual(crowd.map((_, at) => `q${at}`));
  });
});

describe('when a leader stops', () => {
  it('sessions leave it, and what they ask for waits for the next one', async () => {
    const house = await led();
    const [idle, busy] = [await house.client(), await house.client()];
    expect(await ask(house, busy, 'begin')).toBe('Z:I a:begin Z:T');
    house.a.isLeaving();
    await house.world.settle();
    expect(house.a.sessions.size).toBe(1);
    expect(await ask(house, idle, 'one')).toBe('Z:I');
    expect(await ask(house, busy, 'commit', 'two')).toBe('a:commit Z:I');
    expect(house.a.sessions.size).toBe(0);
    house.a.breaks();
    house.b.leads(2);
    await house.world.settle();
    expect([idle.heard(), busy.heard()]).toEqual(['b:one Z:I', 'b:two Z:I']);
  });
});

describe('when a leader is lost', () => {
  it('sessions with nothing there go on at the next one', async () => {
    const house = await led();
    const client = await house.client();
    await failOver(house);
    expect(await ask(house, client, 'one')).toBe('Z:I b:one Z:I');
  });

  it('an answer that is owed is unknown, and nothing of it runs again', async () => {
    const house = await led();
    const client = await house.client();
    expect(await ask(house, client, 'hang')).toBe('Z:I');
    await failOver(house);
    expect(client.heard()).toBe('!FATAL:08007');
    expect(house.b.ran).toEqual([]);
  });

  it('an open transaction is over, and surely not done', async () => {
    const house = await led();
    const client = await house.client();
    await ask(house, client, 'begin', 'one');
    client.heard();
    await failOver(house);
    expect(client.heard()).toBe('!FATAL:08006');
  });

  it('who waits for a leader that was cut off is told soon after another one leads', async () => {
    const house = await led();
    const client = await house.client();
    expect(await ask(house, client, 'hang')).toBe('Z:I');
    // Its link stands, silent.
    house.b.leads(2);
    await house.world.settle();
    expect(client.heard()).toBe('');
    await house.world.advance(2000);
    expect(client.heard()).toBe('!FATAL:08007');
  });
});
