import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection, ConnectionHandler, NetworkError } from '@multigres/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostClock } from './clock.ts';
import { networkError } from './network-errors.ts';
import { HostNetwork, isOwnEcho } from './network.ts';

const clock = new HostClock();
const network = new HostNetwork(clock);
const nothing: ConnectionHandler = {
  data: () => undefined,
  end: () => undefined,
  drain: () => undefined,
  closed: () => undefined,
};
const ignore = (connection: Connection): void => connection.attach({ ...nothing, end: () => connection.end() });
const anyPort = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const limits = { timeoutMs: 5000 };

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: NetworkError) => error.code,
  );

/** Runs JavaScript in another process until it prints a line; answers that line. */
function runElsewhere(program: string, options: { readonly shell?: string; readonly kill?: boolean }): Promise<string> {
  const shell = `${options.shell ?? ':'}; exec "$0" --conditions=@multigres/source --input-type=module -e "$1"`;
  const child = spawn('/bin/sh', ['-c', shell, process.execPath, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  });
  return new Promise((resolve) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => {
      child.once('close', () => resolve(text.trim()));
      if (options.kill) child.kill('SIGKILL');
    });
  });
}

describe('unix sockets', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mg-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('replaces the socket file that a killed process left behind', async () => {
    const path = join(directory, 's');
    const program = `import net from 'node:net'; net.createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    await runElsewhere(program, { kill: true });
    expect((await stat(path)).isSocket()).toBe(true);
    const listener = await network.listen({ kind: 'unix', path }, ignore);
    const connection = await network.connect(listener.endpoint, limits);
    connection.destroy();
    await listener.close();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('of many that replace a dead socket file at once, one wins and stays reachable', async () => {
    const path = join(directory, 's');
    const program = `import net from 'node:net'; net.createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    await runElsewhere(program, { kill: true });
    const attempts = Array.from({ length: 8 }, () => network.listen({ kind: 'unix', path }, ignore));
    const outcomes = await Promise.allSettled(attempts);
    const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    (await network.connect({ kind: 'unix', path }, limits)).destroy();
    await winners[0]?.value.close();
  });

  it('leaves a live socket and any other file alone', async () => {
    const path = join(directory, 'file');
    await writeFile(path, 'precious');
    expect(await codeOf(network.listen({ kind: 'unix', path }, ignore))).toBe('inUse');
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it('refuses a path that is too long for the system instead of cutting it', async () => {
    const path = join(directory, 'x'.repeat(108));
    expect(await codeOf(network.listen({ kind: 'unix', path }, ignore))).toBe('other');
    expect(await codeOf(network.connect({ kind: 'unix', path }, limits))).toBe('other');
  });
});

describe('tcp sockets', () => {
  it('connects by name, whatever family the name has', async () => {
    const listener = await network.listen(anyPort, ignore);
    const port = listener.endpoint.kind === 'tcp' ? listener.endpoint.port : 0;
    const connection = await network.connect({ kind: 'tcp', host: 'localhost', port }, limits);
    expect(connection.remote).toBe(`localhost:${port}`);
    connection.destroy();
    await listener.close();
  });

  it('cannot listen on an address of another machine', async () => {
    const elsewhere = { kind: 'tcp', host: '192.0.2.1', port: 0 } as const;
    expect(await codeOf(network.listen(elsewhere, ignore))).toBe('unreachable');
  });

  it('knows a connection to itself for what it is: nobody listens', async () => {
    const listener = await network.listen(anyPort, ignore);
    const port = listener.endpoint.kind === 'tcp' ? listener.endpoint.port : 0;
    const ordinary = createConnection({ port, host: '127.0.0.1' });
    await new Promise((resolve) => ordinary.once('connect', resolve));
    expect(isOwnEcho(ordinary)).toBe(false);
    ordinary.destroy();
    await listener.close();
    const echo = createConnection({ port, host: '127.0.0.1', localPort: port, localAddress: '127.0.0.1' });
    await new Promise((resolve) => echo.once('connect', resolve));
    expect(isOwnEcho(echo)).toBe(true);
    echo.destroy();
  });

  it('keeps what other connections read apart although they share a buffer', async () => {
    const texts = new Map<string, string>();
    const listener = await network.listen(anyPort, (connection) => {
      let text = '';
      const data = (bytes: Uint8Array): void => {
        text += new TextDecoder().decode(bytes);
      };
      const end = (): void => {
        texts.set(text.slice(0, 1), text);
        connection.end();
      };
      connection.attach({ ...nothing, data, end });
    });
    const names = ['a', 'b', 'c', 'd'];
    const closed = names.map(async (name) => {
      const connection = await network.connect(listener.endpoint, limits);
      const over = new Promise((resolve) => connection.attach({ ...nothing, closed: resolve }));
      for (let i = 0; i < 200; i++) {
        connection.write(new TextEncoder().encode(name.repeat(997)));
        if (i % 10 === 0) await clock.sleep(0);
      }
      connection.end();
      await over;
    });
    await Promise.all(closed);
    await listener.close();
    for (const name of names) expect(texts.get(name)).toBe(name.repeat(997 * 200));
  });

  it('handles input that has arrived on all connections before what is asked for soon', async () => {
    const seen: string[] = [];
    const listener = await network.listen(anyPort, (connection) => {
      const data = (): void => {
        seen.push('data');
        clock.soon(() => seen.push('soon'));
      };
      connection.attach({ ...nothing, data });
    });
    const connections = [];
    for (let i = 0; i < 3; i++) {
      const connection = await network.connect(listener.endpoint, limits);
      connection.attach(nothing);
      connections.push(connection);
    }
    await clock.sleep(5);
    // On the loopback device all three have arrived when the loop looks next.
    for (const connection of connections) connection.write(Uint8Array.of(1));
    await clock.sleep(5);
    expect(seen).toEqual(['data', 'data', 'data', 'soon', 'soon', 'soon']);
    for (const connection of connections) connection.destroy();
    await listener.close();
  });

  it('lives on when the process is out of file descriptors, and serves again when some are free', async () => {
    const program = `
      import { HostClock } from './clock.ts';
      import { HostNetwork, isOwnEcho } from './network.ts';
      const network = new HostNetwork(new HostClock());
      const handler = { data() {}, end() {}, drain() {}, closed() {} };
      const accepted = [];
      const listener = await network.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, (connection) => {
        connection.attach({ ...handler, data: () => connection.write(Uint8Array.of(33)) });
        accepted.push(connection);
      });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 100 }, () => network.connect(listener.endpoint, { timeoutMs: 2000 })),
      );
      const codes = new Set(outcomes.flatMap((outcome) => (outcome.reason ? [outcome.reason.code] : [])));
      for (const outcome of outcomes) outcome.value?.destroy();
      for (const connection of accepted) connection.destroy();
      let again;
      while (again === undefined) again = await network.connect(listener.endpoint, { timeoutMs: 2000 }).catch(() => undefined);
      again.attach({ ...handler, data: () => { console.log([...codes].join() + ' then served'); process.exit(); } });
      again.write(Uint8Array.of(1));`;
    expect(await runElsewhere(program, { shell: 'ulimit -n 64' })).toBe('limit then served');
  });
});

describe('translated errors', () => {
  it.each([
    ['listen', 'EADDRINUSE', 'inUse'],
    ['listen', 'EACCES', 'denied'],
    ['listen', 'EMFILE', 'limit'],
    ['connect', 'ECONNREFUSED', 'refused'],
    ['connect', 'ENOENT', 'refused'],
    ['connect', 'EHOSTUNREACH', 'unreachable'],
    ['connect', 'ENOTFOUND', 'unreachable'],
    ['connect', 'EADDRNOTAVAIL', 'limit'],
    ['connect', 'ETIMEDOUT', 'timeout'],
    ['open', 'ECONNRESET', 'reset'],
    ['open', 'EPIPE', 'reset'],
    ['open', 'ETIMEDOUT', 'reset'],
    ['open', 'EXDEV', 'other'],
  ] as const)('%s: %s is %s', (situation, errno, code) => {
    const cause = Object.assign(new Error('text of the system'), { code: errno });
    const error = networkError(cause, situation, 'what');
    expect([error.code, error.message, error.cause]).toEqual([code, 'what: text of the system', cause]);
  });

  it('looks into the errors of several addresses', () => {
    const first = Object.assign(new Error('first'), { code: 'ECONNREFUSED' });
    expect(networkError(new AggregateError([first]), 'connect', 'what').code).toBe('refused');
  });

  it('says inUse of a port that another program has', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await codeOf(network.listen({ ...anyPort, port }, ignore))).toBe('inUse');
    other.close();
  });
});
