import { utf8, utf8Text } from '../../base/bytes.ts';
import { formatEndpoint } from '../network.ts';
import type { ContractTest } from './contract-test.ts';
import { expect, expectCode, expectSame, within } from './expect.ts';
import { connectLimits, dialer, endpointOf, Peer, withListener, withPair, type Transport } from './network-peer.ts';

const nothing = (): void => undefined;

const listening = (transport: Transport): readonly ContractTest[] => [
  {
    name: `${transport}: an address is taken by one listener, and free when its close has resolved`,
    async run(world, tools): Promise<void> {
      const first = await world.network.listen(endpointOf(transport, tools), nothing);
      await expectCode(world.network.listen(first.endpoint, nothing), 'inUse', 'a second listener');
      await within(world.clock, first.close(), 'closing the first');
      const second = await world.network.listen(first.endpoint, nothing);
      expectSame(second.endpoint, first.endpoint, 'the address');
      await within(world.clock, second.close(), 'closing the second');
    },
  },
  {
    name: `${transport}: nobody listens: connect is refused, before and after a listener`,
    async run(world, tools): Promise<void> {
      const from = dialer(transport, world, tools);
      const connect = (): Promise<unknown> => from.network.connect(listener.endpoint, connectLimits);
      const listener = await world.network.listen(endpointOf(transport, tools), () => undefined);
      await within(world.clock, listener.close(), 'closing the listener');
      await within(world.clock, expectCode(connect(), 'refused', 'connect'), 'connect');
      await within(world.clock, expectCode(connect(), 'refused', 'connect again'), 'connect again');
    },
  },
  {
    name: `${transport}: closing a listener leaves its accepted connections alive and its address to others`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far, listener }) => {
        await within(world.clock, listener.close(), 'closing the listener');
        await within(world.clock, listener.close(), 'closing it again');
        await withListener(world, listener.endpoint, async () => {
          near.write(utf8('still here'));
          await far.until(() => far.bytes === 10, 'the bytes');
          far.write(utf8('yes'));
          await near.until(() => near.bytes === 3, 'the answer');
        });
      });
    },
  },
  {
    name: `${transport}: a connection knows the other end by a text for logs`,
    async run(world, tools): Promise<void> {
      await withPair(transport, world, tools, async ({ near, far, listener }) => {
        expectSame(near.connection.remote, formatEndpoint(listener.endpoint), 'the end that connected');
        if (transport === 'unix')
          expectSame(far.connection.remote, formatEndpoint(listener.endpoint), 'the accepted end');
        else expect(/.:\d+$/.test(far.connection.remote), `"${far.connection.remote}" is an address and a port`);
      });
    },
  },
];

const addresses: readonly ContractTest[] = [
  {
    name: 'port 0 asks for any free port, another one each time, and the listener tells which',
    async run({ network, clock }, { host }): Promise<void> {
      const listeners = [];
      for (let i = 0; i < 5; i++) listeners.push(await network.listen({ kind: 'tcp', host, port: 0 }, () => undefined));
      const ports = listeners.map(({ endpoint }) => {
        expect(endpoint.kind === 'tcp' && endpoint.host === host, 'the endpoint is the one asked for');
        expect(endpoint.port > 0 && endpoint.port < 65_536, `${endpoint.port} is a port`);
        return endpoint.port;
      });
      expectSame(new Set(ports).size, 5, 'how many are different');
      for (const listener of listeners) await within(clock, listener.close(), 'closing a listener');
    },
  },
  {
    name: 'the same listener serves one connection after the other',
    async run(world, tools): Promise<void> {
      await withListener(world, endpointOf('tcp', tools), async (listener, accepted, arrived) => {
        for (let i = 0; i < 10; i++) {
          const connection = await within(
            world.clock,
            tools.other.network.connect(listener.endpoint, connectLimits),
            'connect',
          );
          const near = new Peer(connection, world.clock).attach();
          await arrived(i + 1);
          near.write(utf8(`${i}`));
          near.finish();
          const far = accepted[i];
          expect(far !== undefined, 'it was accepted');
          await far.until(() => far.ended, 'the end');
          far.finish();
          await near.until(() => near.isClosed, 'closed');
          expectSame(utf8Text(far.received()), `${i}`, 'what came');
        }
      });
    },
  },
  {
    name: 'a path in no directory is refused to connect to, and cannot be listened on',
    async run(world, tools): Promise<void> {
      const endpoint = { kind: 'unix', path: `${tools.directory}/none/s` } as const;
      await within(
        world.clock,
        expectCode(world.network.connect(endpoint, connectLimits), 'refused', 'connect'),
        'connect',
      );
      await expectCode(
        world.network.listen(endpoint, () => undefined),
        'other',
        'listen',
      );
    },
  },
  {
    name: 'a connect that nobody answers is given up after its time, not before',
    async run(world, tools): Promise<void> {
      const endpoint = await tools.silent?.();
      if (!endpoint) return;
      const start = world.clock.nowMs();
      const connect = world.network.connect(endpoint, { timeoutMs: 150 });
      await within(world.clock, expectCode(connect, 'timeout', 'connect'), 'connect');
      expect(world.clock.nowMs() - start >= 150, 'it was given its time');
    },
  },
];

export const networkAddressContract: readonly ContractTest[] = [
  ...(['tcp', 'unix'] as const).flatMap(listening),
  ...addresses,
];
