import { createConnection, type Socket } from 'node:net';
import {
  backendTag,
  decodeErrorResponse,
  Deframer,
  encodeQuery,
  encodeStartupMessage,
  MessageWriter,
  type FrameSink,
} from '@multigres/pgwire';

/** What writers tell, with times of `performance.now()`. */
export interface WriterOwner {
  acknowledged(atMs: number): void;
  /** A statement was answered with an error, or its connection was lost before an answer. */
  failed(kind: string): void;
  /** A connection that owed nothing was closed: whoever pools connections opens another one. */
  reconnected(): void;
}

const limits = { wholeBytesMax: 1 << 20, messageBytesMax: 1 << 24 };
const retryMs = 50;
const thinkMs = 2;

/**
 * One connection of a client's pool that writes a row, waits for the answer, and writes the next one. When it is closed while it owes nothing it is
 * opened again, as pools do, and nobody is told of an error.
 */
export class Writer implements FrameSink {
  readonly #owner: WriterOwner;
  readonly #port: number;
  readonly #statement: string;
  #socket!: Socket;
  #deframer: Deframer = new Deframer(this, limits);
  #state: 'login' | 'idle' | 'asked' = 'login';
  #error: string | undefined;
  #stopped = false;

  constructor(owner: WriterOwner, port: number, statement: string) {
    this.#owner = owner;
    this.#port = port;
    this.#statement = statement;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#socket.destroy();
  }

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (tag === backendTag.errorResponse) {
      const report = decodeErrorResponse(buffer, start, end)?.report;
      this.#error = report === undefined ? 'an error that cannot be read' : `${report.sqlstate} ${report.message}`;
    } else if (tag === backendTag.readyForQuery) {
      this.#ready();
    }
  }

  part(): void {
    // A long message that nobody looks at.
  }

  #connect(): void {
    this.#state = 'login';
    this.#error = undefined;
    this.#deframer = new Deframer(this, limits);
    this.#socket = createConnection({ host: '127.0.0.1', port: this.#port, noDelay: true });
    const user = ['user', 'postgres'] as const;
    this.#write((writer) => encodeStartupMessage(writer, { major: 3, minor: 0 }, [user, ['database', 'postgres']]));
    this.#socket.on('data', (bytes: Buffer) => this.#deframer.feed(bytes));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#closed());
  }

  #write(write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter(256);
    write(writer);
    this.#socket.write(writer.take());
  }

  #ready(): void {
    if (this.#state === 'asked') {
      if (this.#error === undefined) this.#owner.acknowledged(performance.now());
      else this.#owner.failed(this.#error);
    }
    this.#error = undefined;
    this.#state = 'idle';
    setTimeout(() => this.#ask(), thinkMs);
  }

  #ask(): void {
    if (this.#stopped || this.#state !== 'idle' || this.#socket.destroyed) return;
    this.#state = 'asked';
    this.#write((writer) => encodeQuery(writer, this.#statement));
  }

  #closed(): void {
    if (this.#stopped) return;
    if (this.#state === 'asked') this.#owner.failed(this.#error ?? 'connection lost');
    else this.#owner.reconnected();
    setTimeout(() => {
      if (!this.#stopped) this.#connect();
    }, retryMs);
  }
}
