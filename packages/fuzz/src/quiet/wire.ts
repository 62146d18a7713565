import type { Connection, ConnectionHandler } from '@multigres/core';
import { backendTagTable, Deframer, messageBytesMaxOfPostgres, type FrameSink } from '@multigres/pgwire';

/** A client's end: notes the messages that it hears, and whether they are messages at all. */
export class Wire implements ConnectionHandler {
  readonly connection: Connection;
  isClosed = false;
  readonly #deframer: Deframer;

  constructor(connection: Connection, sink: FrameSink) {
    this.connection = connection;
    const limits = { wholeBytesMax: 1 << 20, messageBytesMax: messageBytesMaxOfPostgres, tags: backendTagTable() };
    this.#deframer = new Deframer(sink, limits);
    connection.attach(this);
  }

  /** What came makes sense so far. */
  get isSane(): boolean {
    return this.#deframer.state === 'flowing';
  }

  data(bytes: Uint8Array): void {
    this.#deframer.feed(bytes);
  }
  end(): void {
    this.isClosed = true;
    this.connection.end();
  }
  drain(): void {}
  closed(): void {
    this.isClosed = true;
  }
}
