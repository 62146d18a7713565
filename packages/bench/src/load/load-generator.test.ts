import { createServer, type Server, type Socket } from 'node:net';
import {
  Deframer,
  encodeAuthenticationOk,
  encodeCommandComplete,
  encodeErrorResponse,
  encodeReadyForQuery,
  frontendTag,
  MessageWriter,
} from '@multigres/pgwire';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoadGenerator, type LoadResult } from './load-generator.ts';
import type { LoadPlan } from './load-plan.ts';

/** A server that trusts everybody, answers each statement with nothing, and counts. */
class CountingServer {
  statements = 0;
  logins = 0;
  /** One of so many is answered with an error; 0 is none. */
  errorEvery = 0;
  readonly #server: Server = createServer((socket) => this.#serve(socket));

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  close(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    const writer = new MessageWriter();
    const ready = (): void => encodeReadyForQuery(writer, 'I');
    const frame = (tag: number): void => {
      if (tag === 0) {
        this.logins++;
        deframer.endStartup();
        encodeAuthenticationOk(writer);
        ready();
      } else if (tag === frontendTag.execute || tag === frontendTag.query) {
        this.statements++;
        if (this.errorEvery > 0 && this.statements % this.errorEvery === 0) refuse(writer);
        else encodeCommandComplete(writer, 'SELECT 0');
      }
      if (tag === frontendTag.sync || tag === frontendTag.query) ready();
    };
    const deframer = new Deframer(
      { frame, part: () => {} },
      { wholeBytesMax: 65_536, messageBytesMax: 65_536 },
      'startup',
    );
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Uint8Array) => {
      deframer.feed(bytes);
      socket.write(writer.take());
    });
  }
}

const refuse = (writer: MessageWriter): void =>
  encodeErrorResponse(writer, { severity: 'ERROR', sqlstate: '58000', message: 'no' });

let server: CountingServer;
let port = 0;
beforeEach(async () => {
  server = new CountingServer();
  port = await server.listen();
});
afterEach(() => server.close());

async function loaded(wish: Partial<LoadPlan>, processes = 2): Promise<LoadResult> {
  const plan: LoadPlan = {
    address: { host: '127.0.0.1', port },
    identity: { user: 'ada', database: 'db' },
    ...{ active: 5, idle: 0, mode: 'simple', rows: 1000, arrival: { kind: 'closed' }, pipeline: 1 },
    ...{ warmupMs: 0, measureMs: 200, drainMs: 20_000, loginsAtOnce: 4, ...wish },
  };
  const { generator, logins } = await LoadGenerator.open(plan, processes);
  expect(logins.sessions).toBe(plan.active + plan.idle);
  try {
    return await generator.load();
  } finally {
    await generator.close();
  }
}

for (const mode of ['simple', 'extended', 'prepared'] as const) {
  test(`in the ${mode} protocol the generator and the server count the same`, async () => {
    const { sent, completed, failed, unanswered, latency } = await loaded({ mode });
    expect([sent, completed, failed, unanswered]).toEqual([server.statements, server.statements, 0, 0]);
    expect(latency.count).toBe(server.statements);
    expect(server.statements).toBeGreaterThan(0);
  });
}

test('in an open loop the counts agree, warm-up included', async () => {
  const { sent, completed } = await loaded({ arrival: { kind: 'open', perSecond: 400 }, warmupMs: 100 });
  expect([sent, completed]).toEqual([server.statements, 80]);
  expect(sent).toBe(120);
});

test('statements in a pipeline are all answered', async () => {
  const { sent, completed } = await loaded({ pipeline: 8, mode: 'extended' }, 1);
  expect([sent, completed]).toEqual([server.statements, server.statements]);
});

test('errors are counted as such', async () => {
  server.errorEvery = 2;
  const { completed, failed } = await loaded({}, 1);
  expect(completed + failed).toBe(server.statements);
  expect(Math.abs(completed - failed)).toBeLessThanOrEqual(1);
});

test('an idle crowd logs in and sends nothing', async () => {
  await loaded({ idle: 50, active: 2 });
  expect(server.logins).toBe(52);
});

test('a server that nobody listens for is told before the load', async () => {
  server.close();
  await expect(loaded({})).rejects.toThrow(/the load generator failed: .*ECONNREFUSED/);
});
