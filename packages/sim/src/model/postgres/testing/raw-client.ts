import type { Connection, Endpoint, World } from '@multigres/core';
import {
  Deframer,
  MessageWriter,
  decodeBackendMessage,
  encodeQuery,
  encodeStartupMessage,
  type BackendMessage,
} from '@multigres/pgwire';

/** A client for tests: writes messages, keeps every answer. */
export class RawClient {
  readonly received: BackendMessage[] = [];
  closed = false;
  readonly #connection: Connection;
  readonly #deframer: Deframer;

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.#deframer = new Deframer(
      {
        frame: (_tag, buffer, start, end) => {
          const copy = buffer.slice(start, end);
          const message = decodeBackendMessage(copy, 0, copy.length);
          if (message === undefined) throw new Error(`malformed message ${String.fromCharCode(copy[0] ?? 0)}`);
          this.received.push(message);
        },
        part: () => {
          throw new Error('a message too long for a test');
        },
      },
      { wholeBytesMax: 64 << 20, messageBytesMax: 64 << 20 },
    );
    connection.attach({
      data: (bytes) => void this.#deframer.feed(bytes),
      end: () => {},
      drain: () => {},
      closed: () => {
        this.closed = true;
      },
    });
  }

  static async connect(
    world: World,
    endpoint: Endpoint,
    parameters: Record<string, string> = { user: 'postgres' },
  ): Promise<RawClient> {
    const client = new RawClient(await world.network.connect(endpoint, { timeoutMs: 1000 }));
    client.send((writer) => encodeStartupMessage(writer, { major: 3, minor: 0 }, Object.entries(parameters)));
    return client;
  }

  send(write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter(512);
    write(writer);
    this.#connection.write(writer.take());
  }

  query(text: string): void {
    this.send((writer) => encodeQuery(writer, text));
  }

  /** Everything since the last call. */
  take(): BackendMessage[] {
    return this.received.splice(0);
  }

  leave(): void {
    this.#connection.destroy();
  }
}
