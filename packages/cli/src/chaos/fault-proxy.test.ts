import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';

interface Stage {
  readonly proxy: FaultProxy;
  readonly client: Socket;
  /** What the other end has got, and what the client has. */
  readonly got: { server: string; client: string };
  readonly ended: { server: boolean; client: boolean };
  readonly server: Socket[];
  dial(): Socket;
}

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function stage(): Promise<Stage> {
  const got = { server: '', client: '' };
  const ended = { server: false, client: false };
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on('data', (bytes) => (got.server += bytes.toString()));
    socket.on('close', () => (ended.server = true));
    socket.on('error', () => {});
  });
  const target = await listening(server);
  const probe = createServer();
  const listen = await listening(probe);
  await new Promise((resolve) => probe.close(resolve));
  const proxy = new FaultProxy(listen, target);
  await proxy.open();
  const dial = (): Socket => {
    const socket = createConnection(listen, '127.0.0.1');
    socket.on('data', (bytes) => (got.client += bytes.toString()));
    socket.on('close', () => (ended.client = true));
    socket.on('error', () => {});
    closers.push(() => socket.destroy());
    return socket;
  };
  closers.push(
    () => proxy.close(),
    () => server.close(),
    () => accepted.forEach((socket) => socket.destroy()),
  );
  return { proxy, client: dial(), got, ended, server: accepted, dial };
}

const soon = { timeout: 5000, interval: 5 };

describe('a proxy that stands for a bad link', () => {
  it('passes on bytes both ways, and the end', async () => {
    const { client, got, server, ended } = await stage();
    client.write('ping');
    await expect.poll(() => got.server, soon).toBe('ping');
    server[0]?.write('pong');
    await expect.poll(() => got.client, soon).toBe('pong');
    client.destroy();
    await expect.poll(() => ended.server, soon).toBe(true);
  });

  it('lets nothing through while it is cut, tells nobody, and goes on when it heals', async () => {
    const { proxy, client, got, server, ended } = await stage();
    client.write('a');
    await expect.poll(() => got.server, soon).toBe('a');
    proxy.cut();
    client.write('b');
    server[0]?.write('c');
    const other = await stage();
    other.client.write('x');
    await expect.poll(() => other.got.server, soon).toBe('x');
    expect([got, ended]).toEqual([
      { server: 'a', client: '' },
      { server: false, client: false },
    ]);
    proxy.heal();
    await expect.poll(() => [got.server, got.client], soon).toEqual(['ab', 'c']);
  });

  it.each([
    ['in', ['a', 'c']],
    ['out', ['ab', '']],
  ] as const)('lets nothing through one way (%s) and goes on when it heals', async (way, heard) => {
    const { proxy, client, got, server, dial } = await stage();
    client.write('a');
    await expect.poll(() => got.server, soon).toBe('a');
    proxy.cut(way);
    client.write('b');
    server[0]?.write('c');
    await expect.poll(() => [got.server, got.client], soon).toEqual(heard);
    const late = dial();
    await new Promise((resolve) => late.once('connect', resolve));
    const other = await stage();
    other.client.write('x');
    await expect.poll(() => other.got.server, soon).toBe('x');
    expect([got.server, got.client, server.length]).toEqual([...heard, 1]);
    proxy.heal();
    await expect.poll(() => [got.server, got.client, server.length], soon).toEqual(['ab', 'c', 2]);
  });

  it('tells nobody of an end while it is cut one way', async () => {
    const { proxy, client, server, ended } = await stage();
    await expect.poll(() => server.length, soon).toBe(1);
    proxy.cut('in');
    client.destroy();
    await expect.poll(() => ended.client, soon).toBe(true);
    const other = await stage();
    other.client.write('x');
    await expect.poll(() => other.got.server, soon).toBe('x');
    expect(ended.server).toBe(false);
    proxy.heal();
    await expect.poll(() => ended.server, soon).toBe(true);
  });

  it('takes new connections while it is cut, and brings them through when it heals', async () => {
    const { proxy, dial, server, got } = await stage();
    await expect.poll(() => server.length, soon).toBe(1);
    proxy.cut();
    const late = dial();
    await new Promise((resolve) => late.once('connect', resolve));
    late.write('late');
    expect(server).toHaveLength(1);
    proxy.heal();
    await expect.poll(() => got.server, soon).toBe('late');
  });

  it('hides the death of one end while it is cut', async () => {
    const { proxy, client, server, ended } = await stage();
    await expect.poll(() => server.length, soon).toBe(1);
    proxy.cut();
    client.destroy();
    await expect.poll(() => ended.client, soon).toBe(true);
    const other = await stage();
    other.client.write('x');
    await expect.poll(() => other.got.server, soon).toBe('x');
    expect(ended.server).toBe(false);
    proxy.heal();
    await expect.poll(() => ended.server, soon).toBe(true);
  });

  it('brings bytes late, in order', async () => {
    const { proxy, client, got, server } = await stage();
    await expect.poll(() => server.length, soon).toBe(1);
    proxy.delay(60);
    const fromMs = performance.now();
    client.write('a');
    client.write('b');
    await expect.poll(() => got.server, soon).toBe('ab');
    expect(performance.now() - fromMs).toBeGreaterThanOrEqual(55);
  });
});
