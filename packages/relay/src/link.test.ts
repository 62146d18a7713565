import type { Connection, NetworkError, PgError } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { Topics } from './ask/topics.ts';
import { bodyBytesMax, frameType, FrameWriter, replyFlag } from './frame.ts';
import { Link, type LinkHandler } from './link.ts';
import { encodeHello, type Hello } from './messages.ts';

const topics = new Topics('nobody');

interface Heard {
  readonly session: number;
  readonly type: number;
  readonly flags: number;
  readonly count: number;
  readonly bytes: number;
}

class Ear implements LinkHandler {
  readonly frames: Heard[] = [];
  peer: Hello | undefined;
  closings: { readonly error: NetworkError | undefined; readonly violation: PgError | undefined }[] = [];
  onHello: () => void = () => {};

  hello(peer: Hello): void {
    this.peer = peer;
    this.onHello();
  }
  frame(
    session: number,
    type: number,
    flags: number,
    count: number,
    _buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.frames.push({ session, type, flags, count, bytes: end - start });
  }
  closed(error: NetworkError | undefined, violation: PgError | undefined): void {
    this.closings.push({ error, violation });
  }
}

async function connection(world: QuietWorld): Promise<readonly [Connection, Connection]> {
  let theirs: Connection | undefined;
  const listener = await world.network.listen({ kind: 'tcp', host: 'pooler', port: 0 }, (accepted) => {
    theirs = accepted;
    // A handler that hears nothing yet; the link takes over.
    accepted.attach({ data: () => {}, end: () => {}, drain: () => {}, closed: () => {} });
    accepted.pause();
  });
  const ours = await world.until(world.network.connect(listener.endpoint, { timeoutMs: 100 }));
  return [ours, theirs as Connection];
}

async function links(
  world: QuietWorld,
): Promise<{ readonly near: Link; readonly far: Link; readonly ears: readonly [Ear, Ear] }> {
  const [ours, theirs] = await connection(world);
  const ears = [new Ear(), new Ear()] as const;
  const near = new Link(ours, world.clock, ears[0], { hello: { version: 1, id: 'near' }, silenceMs: 1000, topics });
  const far = new Link(theirs, world.clock, ears[1], { hello: { version: 1, id: 'far' }, silenceMs: 1000, topics });
  theirs.resume();
  await world.settle();
  return { near, far, ears };
}

describe('a link', () => {
  it('introduces its ends to each other', async () => {
    const { ears } = await links(quietWorld());
    expect(ears.map((ear) => ear.peer?.id)).toEqual(['far', 'near']);
  });

  it('sends what one turn collects, in order, and cuts a long reply: all but its last frame say that more must come', async () => {
    const world = quietWorld();
    const { near, ears } = await links(world);
    near.request(7, 1, 1, [], Uint8Array.of(9, 8, 7), 0, 3);
    near.reply(8, replyFlag.ready, 2, new Uint8Array(2 * bodyBytesMax + 10), 0, 2 * bodyBytesMax + 10);
    near.credit(9, 77);
    await world.settle();
    expect(ears[1].frames).toEqual([
      { session: 7, type: frameType.request, flags: 1, count: 1, bytes: 5 },
      { session: 8, type: frameType.reply, flags: replyFlag.partial, count: 0, bytes: bodyBytesMax },
      { session: 8, type: frameType.reply, flags: replyFlag.partial, count: 0, bytes: bodyBytesMax },
      { session: 8, type: frameType.reply, flags: replyFlag.ready, count: 2, bytes: 10 },
      { session: 9, type: frameType.credit, flags: 0, count: 0, bytes: 4 },
    ]);
  });

  it('stays up for as long as both ends answer, although nobody has anything to say', async () => {
    const world = quietWorld();
    const { near, ears } = await links(world);
    await world.advance(60_000);
    expect(near.isClosed).toBe(false);
    expect(ears.map((ear) => ear.closings.length)).toEqual([0, 0]);
  });

  it('closes when the other end has been silent for three times as long as it may', async () => {
    const world = quietWorld();
    const [ours] = await connection(world);
    const ear = new Ear();
    const link = new Link(ours, world.clock, ear, { hello: { version: 1, id: 'near' }, silenceMs: 1000, topics });
    await world.advance(2999);
    expect(link.isClosed).toBe(false);
    await world.advance(1100);
    expect(ear.closings).toEqual([{ error: undefined, violation: undefined }]);
  });

  it('hears nothing any more once it was destroyed, not even what came in the same piece', async () => {
    const world = quietWorld();
    const [ours, theirs] = await connection(world);
    const ear = new Ear();
    const link = new Link(ours, world.clock, ear, { hello: { version: 1, id: 'near' }, silenceMs: 1000, topics });
    ear.onHello = () => link.destroy();
    const writer = new FrameWriter();
    writer.frame(0, frameType.hello, 0, 0, encodeHello({ version: 2, id: 'far' }));
    writer.bare(5, frameType.close);
    theirs.write(writer.take());
    await world.settle();
    expect(ear.peer?.version).toBe(2);
    expect(ear.frames).toEqual([]);
    expect(ear.closings).toHaveLength(1);
  });

  it.each([
    ['that is too short', (writer: FrameWriter) => writer.frame(0, frameType.hello, 0, 0, Uint8Array.of(1, 2))],
    ['of somebody who was not introduced', (writer: FrameWriter) => writer.bare(5, frameType.close)],
    ['of the link of somebody who was not introduced', (writer: FrameWriter) => writer.bare(0, frameType.ping)],
  ])('ends at a frame %s', async (_what, write) => {
    const world = quietWorld();
    const [ours, theirs] = await connection(world);
    const ear = new Ear();
    const link = new Link(ours, world.clock, ear, { hello: { version: 1, id: 'near' }, silenceMs: 1000, topics });
    const writer = new FrameWriter();
    write(writer);
    theirs.write(writer.take());
    await world.settle();
    expect(link.isClosed).toBe(true);
    expect(ear.closings.map(({ violation }) => violation?.sqlstate)).toEqual(['08P01']);
    expect(ear.frames).toEqual([]);
  });
});

describe('a link that we gave up', () => {
  it('hears what is still said without minding', async () => {
    const world = quietWorld();
    const { near } = await links(world);
    near.bare(1, frameType.cancel);
    near.destroy();
    await world.settle();
    near.bare(1, frameType.cancel);
    near.bare(2, frameType.cancel);
    await world.settle();
    expect(near.isClosed).toBe(true);
  });
});
