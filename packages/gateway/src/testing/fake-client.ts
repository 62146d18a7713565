import type { Connection, ConnectionHandler, Endpoint } from '@multigres/core';
import type { QuietWorld } from '@multigres/core/quiet';
import {
  backendTag,
  decodeCommandComplete,
  decodeErrorResponse,
  decodeReadyForQuery,
  Deframer,
  encodeQuery,
  encodeStartupMessage,
  MessageWriter,
} from '@multigres/pgwire';

/** A client of Postgres for tests of the gateway: says queries and remembers in short what it hears. */
export class FakeClient implements ConnectionHandler {
  isClosed = false;
  readonly #connection: Connection;
  readonly #heard: string[] = [];
  readonly #deframer: Deframer = new Deframer(
    { frame: (tag, buffer, start, end) => this.#message(tag, buffer, start, end), part: () => {} },
    { wholeBytesMax: 100_000, messageBytesMax: 1 << 24 },
  );

  private constructor(connection: Connection) {
    this.#connection = connection;
    connection.attach(this);
  }

  /** Connects and asks to be let in; what comes of it is `heard`. */
  static async connect(
    world: QuietWorld,
    endpoint: Endpoint,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<FakeClient> {
    const client = new FakeClient(await world.until(world.network.connect(endpoint, { timeoutMs: 1000 })));
    const writer = new MessageWriter();
    const parameters = Object.entries({ user: 'app', database: 'd', ...settings });
    encodeStartupMessage(writer, { major: 3, minor: 0 }, parameters);
    client.#connection.write(writer.take());
    await world.settle();
    return client;
  }

  say(...texts: readonly string[]): void {
    const writer = new MessageWriter();
    for (const text of texts) encodeQuery(writer, text);
    this.#connection.write(writer.take());
  }

  /** Any messages. */
  write(...messages: readonly ((writer: MessageWriter) => void)[]): void {
    const writer = new MessageWriter();
    for (const message of messages) message(writer);
    this.#connection.write(writer.take());
  }

  leave(): void {
    this.#connection.end();
  }

  /** Since it was asked last: `a:one Z:I`, errors by their SQLSTATE. */
  heard(): string {
    return this.#heard.splice(0).join(' ');
  }

  data(bytes: Uint8Array): void {
    this.#deframer.feed(bytes);
  }

  end(): void {
    this.#connection.end();
  }

  drain(): void {}

  closed(): void {
    this.isClosed = true;
  }

  #message(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (tag === backendTag.errorResponse) {
      const report = decodeErrorResponse(buffer, start, end)?.report;
      this.#heard.push(`!${report?.severity}:${report?.sqlstate}`);
    } else if (tag === backendTag.readyForQuery)
      this.#heard.push(`Z:${decodeReadyForQuery(buffer, start, end)?.status}`);
    else if (tag === backendTag.commandComplete)
      this.#heard.push(decodeCommandComplete(buffer, start, end)?.commandTag ?? '?');
  }
}
