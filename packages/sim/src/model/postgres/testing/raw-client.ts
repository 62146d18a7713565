import type { Connection, Endpoint, World } from '@multigres/core';
import {
  Deframer,
  MessageWriter,
  decodeBackendMessage,
  encodeQuery,
  encodeStartupMessage,
  type BackendMessage,
} from '@multigres/pgwire';

import type { Write } from './script.ts';

const longest = 64 * 1024 * 1024;

/** The part of a connection that a test client needs, so that it can speak over a real socket too. */
export type Wire = Pick<Connection, 'attach' | 'write' | 'destroy'>;

/** A client for tests: writes messages, keeps every answer. */
export class RawClient {
  readonly #received: BackendMessage[] = [];
  readonly #wire: Wire;
  readonly #deframer: Deframer;
  /** Of the backend that serves it. */
  pid = 0;
  closed = false;
  /** How many ReadyForQuery came since the last `take`. */
  readies = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#deframer = new Deframer(
      {
        frame: (_tag, buffer, start, end) => this.#note(buffer.slice(start, end)),
        part: () => {
          throw new Error('a message too long for a test');
        },
      },
      { wholeBytesMax: longest, messageBytesMax: longest },
    );
    wire.attach({
      data: (bytes) => void this.#deframer.feed(bytes),
      end: () => this.#wire.destroy(),
      drain: () => {},
      closed: () => {
        this.closed = true;
      },
    });
  }

  static async connect(world: World, endpoint: Endpoint, parameters?: Record<string, string>): Promise<RawClient> {
    const client = new RawClient(await world.network.connect(endpoint, { timeoutMs: 1000 }));
    client.login(parameters);
    return client;
  }

  login(parameters: Record<string, string> = { user: 'postgres' }): void {
    this.send((writer) => encodeStartupMessage(writer, { major: 3, minor: 0 }, Object.entries(parameters)));
  }

  send(write: Write): void {
    const writer = new MessageWriter(512);
    write(writer);
    this.#wire.write(writer.take());
  }

  query(text: string): void {
    this.send((writer) => encodeQuery(writer, text));
  }

  /** Everything since the last call. */
  take(): BackendMessage[] {
    this.readies = 0;
    return this.#received.splice(0);
  }

  leave(): void {
    this.#wire.destroy();
  }

  #note(bytes: Uint8Array): void {
    const message = decodeBackendMessage(bytes, 0, bytes.length);
    if (message === undefined) throw new Error(`malformed message ${String.fromCharCode(bytes[0] ?? 0)}`);
    if (message.kind === 'readyForQuery') this.readies += 1;
    if (message.kind === 'backendKeyData') this.pid = message.processId;
    this.#received.push(message);
  }
}
