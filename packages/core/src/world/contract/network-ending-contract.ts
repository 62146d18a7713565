import { sameBytes, utf8, utf8Text } from '../../base/bytes.ts';
import type { ContractTest } from './contract-test.ts';
import { expect, expectSame } from './expect.ts';
import { pattern, withPair, type Transport } from './network-peer.ts';

const orderly = (transport: Transport): readonly ContractTest[] => [
  {
    name: `${transport}: after end the other direction still works; when both have ended, closed follows at both`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        near.write(utf8('request'));
        near.finish();
        near.finish();
        await far.until(() => far.ended, 'the end');
        expectSame(utf8Text(far.received()), 'request', 'what came before the end');
        await world.clock.sleep(10);
        expectSame([near.isClosed, far.isClosed], [false, false], 'a half-closed connection is open');
        far.write(utf8('answer'));
        await near.until(() => near.bytes === 6, 'the answer');
        far.finish();
        await near.until(() => near.isClosed, 'closed');
        await far.until(() => far.isClosed, 'closed');
        expectSame([near.ended, near.closes, far.closes], [true, [undefined], [undefined]], 'how they were closed');
      });
    },
  },
  {
    name: `${transport}: end first sends all that was written, however much`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        far.pause();
        near.write(pattern(2_000_000));
        near.finish();
        await world.clock.sleep(10);
        far.resume();
        await far.until(() => far.ended, 'the end');
        expect(sameBytes(far.received(), pattern(2_000_000)), 'the far end has what was sent');
        await world.clock.sleep(5);
        expectSame(near.drains, 0, 'no drain comes after end');
      });
    },
  },
  {
    name: `${transport}: what is written after end is ignored`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        near.write(utf8('kept'));
        near.finish();
        expect(near.write(utf8('ignored')), 'there will be no drain, so it answers true');
        await far.until(() => far.ended, 'the end');
        far.finish();
        await near.until(() => near.isClosed, 'closed');
        expectSame([utf8Text(far.received()), near.closes], ['kept', [undefined]], 'what came');
      });
    },
  },
  {
    name: `${transport}: answering end with end, from within it, closes both without an error`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        far.onEnd = (): void => far.finish();
        near.finish();
        await near.until(() => near.isClosed, 'closed');
        await far.until(() => far.isClosed, 'closed');
        expectSame([near.closes, far.closes], [[undefined], [undefined]], 'how they were closed');
      });
    },
  },
];

const abrupt = (transport: Transport): readonly ContractTest[] => [
  {
    name: `${transport}: after destroy nothing comes but closed, later, once and without an error; the peer notices`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        far.write(pattern(100_000));
        near.write(utf8('x'));
        near.destroy();
        near.destroy();
        const before = near.bytes;
        expectSame(near.isClosed, false, 'not inside the call');
        await near.until(() => near.isClosed, 'closed');
        await far.until(() => far.ended || far.isClosed, 'the peer notices');
        await world.clock.sleep(10);
        near.check();
        expectSame([near.bytes, near.closes, near.ended], [before, [undefined], false], 'what came after destroy');
      });
    },
  },
  {
    name: `${transport}: destroyed from within data, it brings no further data`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        far.onData = (): void => far.destroy();
        near.write(pattern(500_000));
        await far.until(() => far.isClosed, 'closed');
        await world.clock.sleep(10);
        far.check();
        expectSame([far.pieces.length, far.closes], [1, [undefined]], 'pieces, and how it was closed');
        await near.until(() => near.ended || near.isClosed, 'the peer notices');
      });
    },
  },
  {
    name: `${transport}: writing to a peer that is gone ends in one closed with reset`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        far.destroy();
        for (let i = 0; i < 1000 && !near.isClosed; i++) {
          near.write(pattern(1000));
          await world.clock.sleep(1);
        }
        await near.until(() => near.isClosed, 'closed');
        await world.clock.sleep(5);
        near.check();
        expectSame(
          near.closes.map((error) => error?.code),
          ['reset'],
          'how it was closed',
        );
      });
    },
  },
  {
    name: `${transport}: both ends destroyed at once are closed once each`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        near.write(pattern(1000));
        near.finish();
        near.destroy();
        far.destroy();
        for (const peer of [near, far]) await peer.until(() => peer.isClosed, 'closed');
        await world.clock.sleep(5);
        for (const peer of [near, far]) {
          peer.check();
          expectSame(peer.closes, [undefined], 'how it was closed');
        }
      });
    },
  },
  {
    name: `${transport}: destroy closes what is paused and full as well`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        near.pause();
        far.pause();
        near.write(pattern(4_000_000));
        await world.clock.sleep(5);
        near.destroy();
        far.destroy();
        for (const peer of [near, far]) await peer.until(() => peer.isClosed, 'closed');
        expectSame([near.closes, far.closes], [[undefined], [undefined]], 'how they were closed');
      });
    },
  },
  {
    name: `${transport}: what is asked of a closed connection does nothing`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far }) => {
        near.destroy();
        await near.until(() => near.isClosed, 'closed');
        expect(near.write(pattern(100_000)), 'there will be no drain, so it answers true');
        expectSame(near.connection.backlogBytes, 0, 'the backlog');
        near.pause();
        near.resume();
        near.finish();
        near.destroy();
        await world.clock.sleep(5);
        near.check();
        await far.until(() => far.ended || far.isClosed, 'the peer notices');
        expectSame(far.bytes, 0, 'what the peer got');
      });
    },
  },
];

export const networkEndingContract: readonly ContractTest[] = (['tcp', 'unix'] as const).flatMap((transport) => [
  ...orderly(transport),
  ...abrupt(transport),
]);
