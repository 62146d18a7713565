// What the network port costs beside plain node:net, and what an idle connection weighs:
//   node --conditions=@multigres/source packages/host/src/network.bench.ts [seconds per row] [idle connections]
// Each server runs in a process of its own that does nothing else, so its CPU time is the cost; the clients are the same for all rows.
import { fork, type ChildProcess } from 'node:child_process';
import { createConnection, createServer, type Socket } from 'node:net';
import type { Connection } from '@multigres/core';
import { HostClock } from './clock.ts';
import { HostNetwork } from './network.ts';

const kinds = [
  'plain node:net, bytes passed on',
  'plain node:net, bytes copied',
  'port, documented only',
  'port',
] as const;
type Kind = (typeof kinds)[number];

interface Usage {
  readonly bytes: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
  readonly connections: number;
}

let bytes = 0;
const open = new Set<object>();

function servePlain(copies: boolean): Promise<number> {
  const server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    const nothing = (): void => undefined;
    socket.on('error', nothing).on('close', nothing).on('drain', nothing).on('end', nothing);
    socket.on('data', (data: Buffer) => {
      bytes += data.length;
      socket.write(copies ? new Uint8Array(data) : data);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

/** A handler as products have it: an object of a class, not four closures. */
class Echo {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  data(data: Uint8Array): void {
    bytes += data.length;
    this.#connection.write(data.slice());
  }

  end(): void {
    this.#connection.end();
  }

  drain(): void {}

  closed(): void {}
}

async function servePort(documentedOnly: boolean): Promise<number> {
  const network = new HostNetwork(new HostClock(), { documentedOnly });
  const listener = await network.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, (connection) => {
    open.add(connection);
    connection.attach(new Echo(connection));
  });
  return listener.endpoint.kind === 'tcp' ? listener.endpoint.port : 0;
}

async function serve(kind: Kind): Promise<void> {
  const port = kind.startsWith('plain') ? servePlain(kind.endsWith('copied')) : servePort(kind.endsWith('only'));
  process.send?.(await port);
  process.on('message', () => {
    for (let i = 0; i < 4; i++) globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const usage: Usage = { bytes, cpuUs: user + system, rssBytes: process.memoryUsage().rss, connections: open.size };
    process.send?.(usage);
  });
}

function answer<T>(server: ChildProcess): Promise<T> {
  return new Promise((resolve) => server.once('message', (message) => resolve(message as T)));
}

function usageOf(server: ChildProcess): Promise<Usage> {
  const usage = answer<Usage>(server);
  server.send('usage');
  return usage;
}

const pause = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function withServer(kind: Kind, run: (server: ChildProcess, port: number) => Promise<void>): Promise<void> {
  const server = fork(import.meta.filename, ['serve', kind], {
    execArgv: ['--conditions=@multigres/source', '--expose-gc'],
  });
  try {
    await run(server, await answer<number>(server));
  } finally {
    server.kill();
  }
}

const readBuffer = Buffer.alloc(65_536);

/** A client that always has `messageBytes` on the way. */
function client(port: number, messageBytes: number): Promise<Socket> {
  const message = Buffer.alloc(messageBytes, 1);
  let got = 0;
  const callback = (length: number): boolean => {
    got += length;
    if (got >= messageBytes && messageBytes > 0) {
      got -= messageBytes;
      socket.write(message);
    }
    return true;
  };
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: readBuffer, callback } });
  return new Promise((resolve, reject) => {
    socket.once('error', reject).once('connect', () => {
      socket.write(message);
      resolve(socket);
    });
  });
}

async function throughput(kind: Kind, clients: number, messageBytes: number, seconds: number): Promise<void> {
  await withServer(kind, async (server, port) => {
    const sockets = await Promise.all(Array.from({ length: clients }, () => client(port, messageBytes)));
    await pause(0.4);
    const before = await usageOf(server);
    const startMs = performance.now();
    await pause(seconds);
    const after = await usageOf(server);
    const passed = (performance.now() - startMs) / 1000;
    for (const socket of sockets) socket.destroy();
    const moved = after.bytes - before.bytes;
    const cpuUs = after.cpuUs - before.cpuUs;
    const trips = moved / messageBytes;
    const rate = `${Math.round(trips / passed)} round trips/s, ${Math.round(moved / passed / 1e6)} MB/s`;
    console.log(`  ${kind.padEnd(34)} ${rate.padEnd(40)} server CPU ${(cpuUs / trips).toFixed(2)} us per round trip`);
  });
}

async function idle(kind: Kind, connections: number): Promise<void> {
  await withServer(kind, async (server, port) => {
    const sockets: Socket[] = [];
    for (let i = 0; i < 50; i++) sockets.push(await client(port, 0));
    const before = await usageOf(server);
    for (let i = 0; i < connections; i++) sockets.push(await client(port, 0));
    await pause(0.5);
    const after = await usageOf(server);
    for (const socket of sockets) socket.destroy();
    const each = (after.rssBytes - before.rssBytes) / (after.connections - before.connections);
    console.log(`  ${kind.padEnd(34)} ${Math.round(each)} bytes resident per idle connection`);
  });
}

async function main(seconds: number, connections: number): Promise<void> {
  for (const [clients, messageBytes] of [
    [64, 100],
    [64, 8192],
    [4, 1 << 20],
  ] as const) {
    console.log(`${clients} clients, messages of ${messageBytes} bytes`);
    for (const kind of kinds) await throughput(kind, clients, messageBytes, seconds);
  }
  console.log(`${connections} idle connections`);
  for (const kind of kinds) await idle(kind, connections);
}

const [first, second] = process.argv.slice(2);
const served = kinds.find((kind) => kind === second);
if (first === 'serve' && served) await serve(served);
else {
  await main(Number(first ?? 2), Number(second ?? 5000));
  process.exit();
}
