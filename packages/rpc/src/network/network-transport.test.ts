import { quietWorld } from '@multigres/core/quiet';
import { describe, expect, it } from 'vitest';
import { client } from '../client.ts';
import { gate } from '../contract/served-world.ts';
import { rpcContract } from '../contract/rpc-contract.ts';
import { PgctldService } from '../gen/multigres/pgctld/v1/pgctld_pb.ts';
import { PoolerService } from '../gen/multigres/pooler/v1/pooler_pb.ts';
import { served } from '../service.ts';
import { encodeFrame, encodeOpen, frameKind } from './frame.ts';
import { NetworkTransport } from './network-transport.ts';

const endpoint = { kind: 'tcp', host: 'quiet', port: 7000 } as const;

describe('the contract of the transport over the network port, in the quiet world', () => {
  for (const test of rpcContract) {
    it(test.name, async () => {
      const world = quietWorld({ seed: test.name });
      const nobody = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const;
      const free = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
      await world.until(test.run({ transport: new NetworkTransport(world), clock: world.clock, free, nobody }));
    });
  }
});

describe('the transport over the network port', () => {
  it.each([
    ['one after the other', 0],
    ['now and then', 30_000],
  ])('gives a peer up that takes calls %s and never answers, and connects anew', async (_how, pauseMs) => {
    const world = quietWorld();
    let connections = 0;
    await world.network.listen(endpoint, (connection) => {
      connections += 1;
      connection.attach({ data: () => {}, end: () => {}, drain: () => {}, closed: () => {} });
    });
    const pgctld = client(PgctldService, new NetworkTransport(world).connect(endpoint));
    for (let attempt = 0; attempt < 20; attempt++) {
      const call = pgctld.restart({}, { deadlineMs: 500 }).catch((error: { fate?: string }) => error.fate);
      expect(await world.until(call)).toBe('unknown');
      await world.advance(pauseMs);
    }
    expect(connections).toBeGreaterThanOrEqual(2);
  });

  it('keeps a connection on which a call takes long while the peer answers pings', async () => {
    const world = quietWorld();
    const transport = new NetworkTransport(world);
    const answered = gate<object>();
    const slow = (): Promise<object> => answered.opened;
    const changes = { initDb: slow, start: slow, stop: slow, restart: slow, reload: slow };
    const implementation = { ...changes, promote: slow, rewind: slow, clone: slow, getStatus: slow };
    await transport.serve(endpoint, [served(PgctldService, implementation)]);
    const call = client(PgctldService, transport.connect(endpoint)).start({}, { deadlineMs: 120_000 });
    await world.advance(60_000);
    answered.open({});
    await expect(world.until(call)).resolves.toBeDefined();
  });

  it('times out a connect that nobody answers, and then the call was not applied', async () => {
    const world = quietWorld();
    world.silence(endpoint);
    const channel = new NetworkTransport(world).connect(endpoint);
    const short = client(PgctldService, channel).restart({}, { deadlineMs: 1000 });
    await expect(world.until(short)).rejects.toMatchObject({ sqlstate: '57014', fate: 'notApplied' });
    const patient = client(PgctldService, channel).restart({}, { deadlineMs: 60_000 });
    await expect(world.until(patient)).rejects.toMatchObject({ sqlstate: '08001', fate: 'notApplied' });
  });

  it('closes a connection that speaks nonsense, and serves the others', async () => {
    const world = quietWorld();
    const transport = new NetworkTransport(world);
    await transport.serve(endpoint, []);
    const open = encodeOpen({ deadlineMs: 1000, credit: 1, path: '/x', request: new Uint8Array() });
    const nonsense = [
      new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1),
      encodeFrame(frameKind.open, 1, Uint8Array.of(1)),
      encodeFrame(
        frameKind.open,
        1,
        open.map((byte, at) => (at === 6 || at === 7 ? 0xff : byte)),
      ),
      encodeFrame(frameKind.credit, 1, Uint8Array.of(1)),
      encodeFrame(frameKind.message, 1),
    ];
    for (const bytes of nonsense) {
      const connection = await world.until(world.network.connect(endpoint, { timeoutMs: 1000 }));
      const ended = gate();
      connection.attach({ data: () => {}, end: () => ended.open(), drain: () => {}, closed: () => ended.open() });
      connection.write(bytes);
      await world.until(ended.opened, 100);
    }
    const status = client(PoolerService, transport.connect(endpoint)).getStatus({}, { deadlineMs: 1000 });
    await expect(world.until(status)).rejects.toMatchObject({ sqlstate: '0A000' });
  });

  it('refuses calls over the limit at once', async () => {
    const world = quietWorld();
    await world.network.listen(endpoint, (connection) =>
      connection.attach({ data: () => {}, end: () => {}, drain: () => {}, closed: () => {} }),
    );
    const limits = { messageBytesMax: 1000, callsMax: 2, connectMsMax: 1000, keepaliveMs: 1000 };
    const pgctld = client(PgctldService, new NetworkTransport(world, limits).connect(endpoint));
    const waiting = [1, 2].map(() => pgctld.start({}, { deadlineMs: 1000 }).catch(() => undefined));
    const third = pgctld.start({}, { deadlineMs: 1000 });
    await expect(world.until(third)).rejects.toMatchObject({ sqlstate: '53400', fate: 'notApplied' });
    await world.until(Promise.all(waiting));
  });
});
