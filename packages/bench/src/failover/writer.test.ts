import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Writer } from './writer.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const message = (tag: string, body: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(tag, 0, 'latin1');
  bytes.writeInt32BE(4 + body.length, 1);
  Buffer.from(body).copy(bytes, 5);
  return bytes;
};
const ready = message('Z', [0x49]);
const error = message('E', [...Buffer.from('SERROR\0VERROR\0C08007\0Mnobody knows\0\0', 'latin1')]);

interface Stage {
  readonly heard: string[];
  readonly sockets: Socket[];
}

/** A server that lets everybody in, and answers each query as `answer` says. */
async function stage(answer: (query: number, socket: Socket) => void): Promise<Stage> {
  const heard: string[] = [];
  const sockets: Socket[] = [];
  let queries = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    let loggedIn = false;
    socket.on('error', () => {});
    socket.on('data', () => {
      if (loggedIn) answer(++queries, socket);
      else socket.write(ready);
      loggedIn = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const owner = {
    acknowledged: () => void heard.push('ok'),
    failed: (kind: string) => void heard.push(kind),
    reconnected: () => void heard.push('reconnected'),
  };
  const writer = new Writer(owner, (server.address() as AddressInfo).port, 'insert');
  closers.push(
    () => writer.stop(),
    () => server.close(),
    () => sockets.forEach((socket) => socket.destroy()),
  );
  return { heard, sockets };
}

const soon = { timeout: 5000, interval: 5 };

describe('a writer', () => {
  it('tells what became of each statement, and goes on after an error', async () => {
    const { heard } = await stage(
      (query, socket) => void socket.write(query === 2 ? Buffer.concat([error, ready]) : ready),
    );
    await expect.poll(() => heard.slice(0, 3), soon).toEqual(['ok', '08007 nobody knows', 'ok']);
  });

  it('counts a connection that is lost while an answer is owed as an error, and opens another one', async () => {
    const { heard } = await stage((query, socket) => void (query === 2 ? socket.destroy() : socket.write(ready)));
    await expect.poll(() => heard.slice(0, 3), soon).toEqual(['ok', 'connection lost', 'ok']);
  });

  it('opens a connection that is closed while it owes nothing again, and calls that no error', async () => {
    const { heard } = await stage((query, socket) => void (query === 2 ? socket.end(ready) : socket.write(ready)));
    await expect.poll(() => heard.slice(0, 4), soon).toEqual(['ok', 'ok', 'reconnected', 'ok']);
  });
});
