import { sameBytes, utf8, utf8Text } from '../../base/bytes.ts';
import type { Connection } from '../network.ts';
import type { World } from '../world.ts';
import type { ContractTest } from './contract-test.ts';
import { expect, expectSame, within } from './expect.ts';
import {
  connectLimits,
  dialer,
  endpointOf,
  pattern,
  Peer,
  withListener,
  withPair,
  type Transport,
} from './network-peer.ts';

/** Writes until the connection says that it is enough; answers how many bytes it took. */
function fill(peer: Peer): number {
  let written = 0;
  while (written < 64 << 20) {
    const more = peer.write(pattern(64 << 10, written));
    written += 64 << 10;
    if (!more) return written;
  }
  return written;
}

/** The same, until no system on the way takes any more; answers how many bytes it took. */
async function fillUp(peer: Peer, world: World): Promise<number> {
  let written = 0;
  do {
    written += fill(peer);
    await world.clock.sleep(20);
  } while (peer.connection.backlogBytes === 0);
  return written;
}

/** Sends `total` bytes and the end, waiting for drain whenever the connection asks for it. */
async function send(peer: Peer, total: number): Promise<void> {
  for (let at = 0; at < total; at += 32 << 10) {
    const drains = peer.drains;
    if (!peer.write(pattern(32 << 10, at))) await peer.until(() => peer.drains > drains, 'drain');
  }
  peer.finish();
}

const order = (transport: Transport): readonly ContractTest[] => [
  {
    name: `${transport}: bytes arrive in order, whole and once, in both directions, whatever the sizes of the writes`,
    async run(world, tools): Promise<void> {
      const sizes = [1, 2, 5, 100, 1, 4096, 70_000, 3, 8191, 65_536, 1, 200_000, 17];
      const total = sizes.reduce((sum, size) => sum + size, 0);
      await withPair(transport, world, tools, async ({ near, far }) => {
        let at = 0;
        for (const size of sizes) {
          near.write(pattern(size, at));
          far.write(pattern(size, at + 7));
          at += size;
        }
        await far.until(() => far.bytes >= total, 'the far end receives all');
        await near.until(() => near.bytes >= total, 'the near end receives all');
        expect(sameBytes(far.received(), pattern(total)), 'the far end has what was sent');
        expect(sameBytes(near.received(), pattern(total, 7)), 'the near end has what was sent');
      });
    },
  },
  {
    name: `${transport}: what was written without a backlog is the writer's again`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        let bytes = new Uint8Array(5000);
        for (let at = 0; at < 100_000; at += bytes.length) {
          await far.until(() => far.bytes >= at, 'the far end receives what was sent before');
          bytes.set(pattern(bytes.length, at));
          near.write(bytes);
          if (near.connection.backlogBytes === 0) bytes.fill(0);
          else bytes = new Uint8Array(5000);
        }
        await far.until(() => far.bytes >= 100_000, 'the far end receives all');
        expect(sameBytes(far.received(), pattern(100_000)), 'the far end has what was sent');
      });
    },
  },
  {
    name: `${transport}: a conversation goes back and forth, with answers written from within data`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        far.onData = (piece): void => void far.write(piece.slice());
        for (let i = 0; i < 50; i++) {
          const before = near.bytes;
          near.write(utf8(`question ${i};`));
          await near.until(() => near.bytes === before + `question ${i};`.length, `answer ${i}`);
        }
        expect(utf8Text(near.received()).endsWith('question 48;question 49;'), 'the answers are in order');
      });
    },
  },
  {
    name: `${transport}: an empty write sends nothing and ends nothing`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        for (const text of ['', 'a', '', '', 'b', '']) expect(near.write(utf8(text)), 'there is no backlog');
        await far.until(() => far.bytes === 2, 'the two bytes');
        await world.clock.sleep(5);
        expectSame([utf8Text(far.received()), far.ended, near.drains], ['ab', false, 0], 'what came');
      });
    },
  },
];

const attaching = (transport: Transport): readonly ContractTest[] => [
  {
    name: `${transport}: nothing arrives before attach, and nothing that came before is lost`,
    async run(world, tools): Promise<void> {
      await withListener(world, endpointOf(transport, tools), async (listener, accepted, arrived) => {
        const from = dialer(transport, world, tools);
        const connection = await within(world.clock, from.network.connect(listener.endpoint, connectLimits), 'connect');
        const near = new Peer(connection, world.clock);
        await arrived(1);
        accepted[0]?.write(utf8('greeting'));
        accepted[0]?.finish();
        await world.clock.sleep(20);
        expectSame([near.bytes, near.ended, near.isClosed], [0, false, false], 'what came before attach');
        near.attach();
        await near.until(() => near.ended, 'the end');
        expectSame(utf8Text(near.received()), 'greeting', 'what came');
        near.destroy();
        await near.until(() => near.isClosed, 'closed');
      });
    },
  },
  {
    name: `${transport}: a connection that was destroyed before attach still tells its end after attach`,
    async run(world, tools): Promise<void> {
      for (const who of ['near', 'far'] as const) {
        await withListener(world, endpointOf(transport, tools, who), async (listener, accepted, arrived) => {
          const from = dialer(transport, world, tools);
          const connection = await within(
            world.clock,
            from.network.connect(listener.endpoint, connectLimits),
            'connect',
          );
          const near = new Peer(connection, world.clock);
          await arrived(1);
          if (who === 'near') near.destroy();
          else accepted[0]?.destroy();
          await world.clock.sleep(10);
          near.attach();
          await near.until(() => near.isClosed || near.ended, 'the end');
          near.destroy();
          await near.until(() => near.isClosed, 'closed');
        });
      }
    },
  },
  {
    name: `${transport}: a second attach hands the connection to another handler, also from within data`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        const second = new Peer(far.connection, world.clock);
        far.onData = (): void => void second.attach();
        near.write(utf8('first'));
        near.write(utf8('second'));
        await far.until(() => far.bytes > 0, 'the first bytes');
        near.write(utf8('third'));
        near.finish();
        await second.until(() => second.ended, 'the end');
        second.destroy();
        await second.until(() => second.isClosed, 'closed');
        expectSame([far.pieces.length, far.ended, far.isClosed], [1, false, false], 'the first handler');
        expectSame(utf8Text(far.received()) + utf8Text(second.received()), 'firstsecondthird', 'all bytes');
      });
    },
  },
  {
    name: `${transport}: a connection to which accept attaches nothing is destroyed`,
    async run(world, tools): Promise<void> {
      const forgotten: Connection[] = [];
      const listener = await world.network.listen(endpointOf(transport, tools), (connection) =>
        forgotten.push(connection),
      );
      const from = dialer(transport, world, tools);
      const connection = await within(world.clock, from.network.connect(listener.endpoint, connectLimits), 'connect');
      const near = new Peer(connection, world.clock).attach();
      await near.until(() => near.ended || near.isClosed, 'the end');
      near.destroy();
      await within(world.clock, listener.close(), 'closing the listener');
    },
  },
];

const pressure = (transport: Transport): readonly ContractTest[] => [
  {
    name: `${transport}: pause stops data until resume, but for one piece that was under way; nothing is lost`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        for (let round = 0; round < 5; round++) {
          far.pause();
          far.pause();
          const before = far.pieces.length;
          for (let i = 0; i < 4; i++) {
            near.write(pattern(50_000, round * 200_000 + i * 50_000));
            await world.clock.sleep(2);
          }
          expect(far.pieces.length <= before + 1, 'one piece at most came while paused');
          far.resume();
          far.resume();
          await far.until(() => far.bytes === (round + 1) * 200_000, 'the rest');
        }
        expect(sameBytes(far.received(), pattern(1_000_000)), 'the far end has what was sent');
      });
    },
  },
  {
    name: `${transport}: paused from within data, it brings no more than one other piece; neither end nor closed is lost`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        far.onData = (): void => far.pause();
        near.write(pattern(300_000));
        near.finish();
        while (!far.ended) {
          const before = far.pieces.length;
          await world.clock.sleep(1);
          far.check();
          expect(far.pieces.length <= before + 2, 'one piece for the resume and one under way');
          far.resume();
        }
        expect(sameBytes(far.received(), pattern(300_000)), 'the far end has what was sent');
        far.finish();
        await far.until(() => far.isClosed, 'closed');
      });
    },
  },
  {
    name: `${transport}: write answers false when a reader does not read, counts the backlog, and one drain follows when it is gone`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        for (let round = 1; round <= 2; round++) {
          far.pause();
          const before = far.bytes;
          const written = (await fillUp(near, world)) + fill(near);
          const drains = near.drains;
          await world.clock.sleep(20);
          expect(near.connection.backlogBytes > 0 && near.connection.backlogBytes <= written, 'there is a backlog');
          expectSame(near.drains, drains, `drains while nobody reads, round ${round}`);
          far.resume();
          await near.until(() => near.drains === drains + 1, 'drain');
          await far.until(() => far.bytes === before + written, 'all bytes');
          await world.clock.sleep(5);
          expectSame([near.drains, near.connection.backlogBytes], [drains + 1, 0], 'drains and backlog at the end');
        }
      });
    },
  },
  {
    name: `${transport}: while write answers true no drain comes`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        let sent = 0;
        for (const length of [100, 100, 1, 100_000, 30_000, 70_000, 3, 150_000]) {
          near.write(pattern(length));
          sent += length;
          await far.until(() => far.bytes === sent, 'all bytes');
          await world.clock.sleep(2);
        }
        near.check();
        expectSame(near.connection.backlogBytes, 0, 'the backlog');
        for (let i = 0; i < 20; i++) expect(near.write(pattern(100)), 'a hundred bytes are no backlog');
      });
    },
  },
];

const volume = (transport: Transport): readonly ContractTest[] => [
  {
    name: `${transport}: megabytes go through both ways at once, written as drain allows`,
    async run(world, tools): Promise<void> {
      const total = 4 << 20;
      await withPair(transport, world, tools, async ({ near, far }) => {
        await Promise.all([send(near, total), send(far, total)]);
        for (const peer of [near, far]) {
          await peer.until(() => peer.isClosed, 'closed after both ends');
          expect(sameBytes(peer.received(), pattern(total)), 'it has what was sent');
          expectSame(peer.closes, [undefined], 'how it was closed');
        }
      });
    },
  },
  {
    name: `${transport}: a hundred connections at once, each with its own bytes`,
    async run(world, tools): Promise<void> {
      await withListener(world, endpointOf(transport, tools), async (listener, accepted, arrived) => {
        const from = dialer(transport, world, tools);
        const calls = Array.from({ length: 100 }, () => from.network.connect(listener.endpoint, connectLimits));
        const connections = await within(world.clock, Promise.all(calls), 'a hundred connects');
        const peers = connections.map((connection) => new Peer(connection, world.clock).attach());
        await arrived(100);
        for (const far of accepted) far.onData = (piece): void => void far.write(piece.slice());
        peers.forEach((peer, i) => peer.write(pattern(3000, i * 10_000)));
        for (const [i, peer] of peers.entries()) {
          await peer.until(() => peer.bytes === 3000, `the echo of connection ${i}`);
          expect(sameBytes(peer.received(), pattern(3000, i * 10_000)), `connection ${i} has its own bytes`);
          peer.finish();
        }
        for (const far of accepted) {
          await far.until(() => far.ended, 'the end');
          far.finish();
        }
        for (const peer of [...peers, ...accepted]) await peer.until(() => peer.isClosed, 'closed');
      });
    },
  },
];

export const networkFlowContract: readonly ContractTest[] = (['tcp', 'unix'] as const).flatMap((transport) => [
  ...order(transport),
  ...attaching(transport),
  ...pressure(transport),
  ...volume(transport),
]);
