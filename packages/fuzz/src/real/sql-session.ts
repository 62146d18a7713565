import { createConnection, type Socket } from 'node:net';
import { utf8Text } from '@multigres/core';
import {
  backendTag,
  decodeDataRow,
  decodeErrorResponse,
  Deframer,
  encodeQuery,
  messageBytesMaxOfPostgres,
} from '@multigres/pgwire';
import { made, startup } from '../generate/client-messages.ts';

/** Who waits longer has been forgotten. */
const patienceMs = 60_000;

/** A well-behaved session that asks one thing after the other. */
export class SqlSession {
  readonly #socket: Socket;
  #values: string[] = [];
  #done: ((error: Error | undefined) => void) | undefined;

  private constructor(port: number) {
    this.#socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#done?.(new Error('the session was ended')));
    const limits = { wholeBytesMax: 1 << 24, messageBytesMax: messageBytesMaxOfPostgres };
    const sink = {
      frame: (tag: number, buffer: Uint8Array, start: number, end: number) =>
        this.#frame(tag, buffer.slice(start, end)),
      part: () => {},
    };
    const deframer = new Deframer(sink, limits);
    this.#socket.on('data', (bytes: Buffer) => void deframer.feed(bytes));
  }

  static async connect(port: number): Promise<SqlSession> {
    const session = new SqlSession(port);
    await session.#say(startup({ user: 'postgres', database: 'postgres' }));
    return session;
  }

  /** The first column of all rows. Rejects with what the server says, or if nothing comes for a minute. */
  query(text: string): Promise<readonly string[]> {
    return this.#say(made((writer) => encodeQuery(writer, text)));
  }

  end(): void {
    this.#socket.destroy();
  }

  #say(bytes: Uint8Array): Promise<readonly string[]> {
    this.#values = [];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#done?.(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
      this.#done = (error) => {
        clearTimeout(timer);
        this.#done = undefined;
        if (error === undefined) resolve(this.#values);
        else reject(error);
      };
      this.#socket.write(bytes);
    });
  }

  #frame(tag: number, message: Uint8Array): void {
    if (tag === backendTag.dataRow) {
      const value = decodeDataRow(message, 0, message.length)?.values[0];
      this.#values.push(value ? utf8Text(value) : '');
    } else if (tag === backendTag.errorResponse) {
      const report = decodeErrorResponse(message, 0, message.length)?.report;
      this.#done?.(new Error(`${report?.sqlstate} ${report?.message}`));
    } else if (tag === backendTag.readyForQuery) this.#done?.(undefined);
  }
}
