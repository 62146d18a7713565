import { createConnection, type Socket } from 'node:net';
import {
  decodeBackendMessage,
  Deframer,
  encodeCancelRequest,
  encodeStartupMessage,
  MessageWriter,
  type BackendMessage,
} from '@multigres/pgwire';

/** Who has not said it after this long will never. */
const silenceMs = 4_000;

/** Writes one or more messages. */
export type Write = (writer: MessageWriter) => void;

/** Speaks the protocol byte by byte and notes what it hears, in short; nothing of it depends on which backend answers. */
export class WireClient {
  readonly #port: number;
  readonly #socket: Socket;
  readonly #deframer: Deframer;
  #heard: string[] = [];
  #ready = 0;
  #processId = 0;
  #secretKey: Uint8Array = new Uint8Array(0);
  #wake: () => void = () => {};
  isClosed = false;

  private constructor(port: number) {
    this.#port = port;
    this.#socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    const sink = {
      frame: (_tag: number, buffer: Uint8Array, start: number, end: number): void =>
        this.#message(decodeBackendMessage(buffer.slice(start, end), 0, end - start)),
      part: (
        tag: number,
        _buffer: Uint8Array,
        _start: number,
        _end: number,
        place: string,
        bodyBytes: number,
      ): void => {
        if (place === 'last') this.#heard.push(`${String.fromCharCode(tag)} of ${bodyBytes}`);
      },
    };
    this.#deframer = new Deframer(sink, { wholeBytesMax: 1 << 20, messageBytesMax: 0x3fff_ffff });
    this.#socket.on('data', (bytes: Buffer) => {
      this.#deframer.feed(bytes);
      this.#wake();
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.isClosed = true;
      this.#heard.push('closed');
      this.#wake();
    });
  }

  static async connect(port: number, parameters: Readonly<Record<string, string>>): Promise<WireClient> {
    const client = WireClient.begin(port, parameters);
    await client.ready(1);
    client.#heard = [];
    return client;
  }

  /** Asks to be let in, and does not wait for it. */
  static begin(port: number, parameters: Readonly<Record<string, string>>): WireClient {
    const client = new WireClient(port);
    client.write((writer) => encodeStartupMessage(writer, { major: 3, minor: 0 }, Object.entries(parameters)));
    return client;
  }

  write(...all: readonly Write[]): void {
    const writer = new MessageWriter();
    for (const write of all) write(writer);
    this.#socket.write(writer.take());
  }

  /** Asks the server over another connection to cancel what this one runs; resolves when that has been heard. */
  async cancel(): Promise<void> {
    const writer = new MessageWriter();
    encodeCancelRequest(writer, this.#processId, this.#secretKey);
    const socket = createConnection({ host: '127.0.0.1', port: this.#port });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    socket.write(writer.take());
    await closed;
  }

  /** Resolves when so many more ReadyForQuery have come, or the connection is closed. */
  async ready(count: number): Promise<void> {
    await this.#until(() => this.#ready >= count);
    this.#ready -= count;
  }

  /** Resolves when something was heard that contains this. */
  async hears(text: string): Promise<void> {
    await this.#until(() => this.#heard.join(' ').includes(text));
  }

  heard(): string {
    return this.#heard.splice(0).join(' ');
  }

  end(): void {
    this.#socket.destroy();
  }

  async #until(done: () => boolean): Promise<void> {
    const late = setTimeout(() => {
      this.#heard.push('nothing more');
      this.#socket.destroy();
    }, silenceMs);
    while (!done() && !this.isClosed) await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(late);
  }

  #message(message: BackendMessage | undefined): void {
    switch (message?.kind) {
      case 'readyForQuery':
        this.#ready += 1;
        this.#heard.push(`Z:${message.status}`);
        return;
      case 'backendKeyData':
        this.#processId = message.processId;
        this.#secretKey = message.secretKey;
        return;
      case 'errorResponse':
        this.#heard.push(`${message.report.severity}:${message.report.sqlstate}`);
        return;
      case 'commandComplete':
        this.#heard.push(message.commandTag);
        return;
      case 'dataRow':
        this.#heard.push(
          `(${message.values.map((value) => (value === null ? '-' : Buffer.from(value).toString())).join()})`,
        );
        return;
      case 'rowDescription':
        this.#heard.push(`row:${message.columns.map(({ name }) => name).join()}`);
        return;
      default:
        this.#heard.push(message?.kind ?? 'malformed');
    }
  }
}
