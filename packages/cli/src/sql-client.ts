import { createConnection, type Socket } from 'node:net';
import { PgError, utf8Text } from '@multigres/core';
import {
  clientStartupMachine,
  decodeBackendMessage,
  Deframer,
  encodeCancelRequest,
  encodeQuery,
  encodeTerminate,
  MessageWriter,
  type BackendMessage,
  type BackendSession,
} from '@multigres/pgwire';

export interface SqlLogin {
  readonly port: number;
  readonly user?: string;
  readonly database?: string;
  readonly password?: string;
  readonly parameters?: readonly (readonly [string, string])[];
}

interface Asked {
  readonly resolve: (rows: readonly (readonly (string | null)[])[]) => void;
  readonly reject: (error: Error) => void;
  readonly rows: (string | null)[][];
  error: PgError | undefined;
}

/** A plain client of the simple protocol, for tests and chaos: one promise per query, rejected with the server's error. */
export class SqlClient {
  /** What ended the connection, if the server said so. */
  readonly ended: Promise<PgError | undefined>;
  readonly notifications: { readonly channel: string; readonly payload: string }[] = [];
  session!: BackendSession;
  readonly #port: number;
  readonly #socket: Socket;
  readonly #asked: Asked[] = [];
  #fatal: PgError | undefined;
  #isClosed = false;

  private constructor(port: number) {
    this.#port = port;
    this.#socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.#socket.on('close', () => {
        this.#isClosed = true;
        for (const { reject } of this.#asked.splice(0)) reject(this.#fatal ?? new Error('the connection was closed'));
        resolve(this.#fatal);
      });
    });
  }

  static async connect(login: SqlLogin): Promise<SqlClient> {
    const client = new SqlClient(login.port);
    await client.#logIn(login);
    return client;
  }

  query(text: string): Promise<readonly (readonly (string | null)[])[]> {
    if (this.#isClosed) return Promise.reject(new Error('the connection is closed'));
    this.#write((writer) => encodeQuery(writer, text));
    return new Promise((resolve, reject) => this.#asked.push({ resolve, reject, rows: [], error: undefined }));
  }

  async value(text: string): Promise<string | null | undefined> {
    return (await this.query(text))[0]?.[0];
  }

  /** Asks the server, or another one, over a connection of its own to cancel what this one runs. */
  async cancel(port: number = this.#port): Promise<void> {
    const writer = new MessageWriter();
    encodeCancelRequest(writer, this.session.processId, this.session.secretKey as Uint8Array);
    const socket = createConnection({ host: '127.0.0.1', port });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    socket.write(writer.take());
    await closed;
  }

  /** Says goodbye, whatever is still running. */
  async end(): Promise<void> {
    this.#write(encodeTerminate);
    this.#socket.end();
    await this.ended;
  }

  /** Goes without a word: whatever is still running is rejected. */
  destroy(): void {
    this.#socket.destroy();
  }

  #write(write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter();
    write(writer);
    this.#socket.write(writer.take());
  }

  async #logIn({ user = 'postgres', database = 'postgres', password, parameters = [] }: SqlLogin): Promise<void> {
    const machine = clientStartupMachine({
      user,
      database,
      parameters,
      credential: password === undefined ? { kind: 'none' } : { kind: 'password', password },
      nonce: 'bm90IHZlcnkgcmFuZG9t',
      minor: 0,
    });
    let state = machine.initial;
    await new Promise<void>((resolve, reject) => {
      const step = (event: Parameters<typeof machine.step>[1]): void => {
        const [next, effects] = machine.step(state, event);
        state = next;
        for (const effect of effects) {
          if (effect.kind === 'send') this.#socket.write(effect.bytes);
          else if (effect.kind === 'refuse') reject(effect.error);
          else if (effect.kind === 'ready') {
            this.session = effect.session;
            resolve();
          }
        }
      };
      const sink = {
        frame: (_tag: number, buffer: Uint8Array, start: number, end: number): void => {
          if (this.session === undefined) step({ kind: 'messageReceived', buffer, start, end });
          else this.#message(decodeBackendMessage(buffer.slice(start, end), 0, end - start));
        },
        part: (): void => {},
      };
      const deframer = new Deframer(sink, { wholeBytesMax: 1 << 24, messageBytesMax: 1 << 24 });
      this.#socket.on('data', (bytes: Buffer) => void deframer.feed(bytes));
      this.#socket.once('close', () => reject(new Error('the connection was closed during login')));
      step({ kind: 'connected', encrypted: false, serverEndPoint: undefined });
    });
  }

  #message(message: BackendMessage | undefined): void {
    const asked = this.#asked[0];
    if (message?.kind === 'dataRow')
      asked?.rows.push(message.values.map((value) => (value === null ? null : utf8Text(value))));
    else if (message?.kind === 'notificationResponse') this.notifications.push(message);
    else if (message?.kind === 'errorResponse') {
      const error = new PgError(message.report);
      if (message.report.severity !== 'ERROR') this.#fatal = error;
      else if (asked !== undefined) asked.error = error;
    } else if (message?.kind === 'readyForQuery') {
      this.#asked.shift();
      if (asked?.error === undefined) asked?.resolve(asked.rows);
      else asked.reject(asked.error);
    }
  }
}
