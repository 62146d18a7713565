import { PgError, utf8Text, type Connection, type ConnectionHandler, type Endpoint, type World } from '@multigres/core';
import {
  Deframer,
  MessageWriter,
  clientStartupMachine,
  decodeBackendMessage,
  encodeBase64,
  encodeCopyData,
  encodeCopyDone,
  encodeQuery,
  type BackendMessage,
  type ClientCredential,
  type ClientStartupEvent,
  type FrameSink,
} from '@multigres/pgwire';

import { replicationLost } from '../errors.ts';

/** Whom to reach and as whom (primary_conninfo). */
export interface ReplicationTarget {
  readonly endpoint: Endpoint;
  readonly user: string;
  readonly password: string | undefined;
  readonly applicationName: string;
  readonly timeoutMs: number;
}

export interface CopySink {
  copyData(bytes: Uint8Array): void;
  /** The server will send no more. */
  copyDone(): void;
}

export type TextRow = readonly (string | null)[];

interface Asked {
  readonly rows: TextRow[];
  readonly resolve: (rows: TextRow[]) => void;
  readonly reject: (error: Error) => void;
  error: PgError | undefined;
}

type StartupMachine = ReturnType<typeof clientStartupMachine>;

const longest = 64 * 1024 * 1024;

/** libpq for the servers themselves: a connection that speaks the replication protocol to another server. */
export class ReplicationClient implements ConnectionHandler, FrameSink {
  readonly #connection: Connection;
  readonly #deframer: Deframer = new Deframer(this, { wholeBytesMax: longest, messageBytesMax: longest });
  #machine: StartupMachine | undefined;
  #state: StartupMachine['initial'] | undefined;
  #login: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #asked: Asked | undefined;
  #copy: CopySink | undefined;
  #over = false;
  /** Called once, when the connection is gone and no question was open. */
  onLost: ((error: Error) => void) | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.attach(this);
  }

  /** Connects and logs in. Rejects with what the network or the server says. */
  static async connect(world: World, target: ReplicationTarget): Promise<ReplicationClient> {
    const connection = await world.network.connect(target.endpoint, { timeoutMs: target.timeoutMs });
    const client = new ReplicationClient(connection);
    const timer = world.clock.after(target.timeoutMs, () => client.close());
    try {
      await client.#logIn(world, target);
    } finally {
      timer.cancel();
    }
    return client;
  }

  #logIn(world: World, target: ReplicationTarget): Promise<void> {
    const credential: ClientCredential =
      target.password === undefined ? { kind: 'none' } : { kind: 'password', password: target.password };
    this.#machine = clientStartupMachine({
      user: target.user,
      database: 'replication',
      parameters: [
        ['replication', 'true'],
        ['application_name', target.applicationName],
      ],
      credential,
      nonce: encodeBase64(world.random.bytes(18)),
      minor: 0,
    });
    this.#state = this.#machine.initial;
    return new Promise((resolve, reject) => {
      this.#login = { resolve, reject };
      this.#step({ kind: 'connected', encrypted: false, serverEndPoint: undefined });
    });
  }

  #step(event: ClientStartupEvent): void {
    const [state, effects] = (this.#machine as StartupMachine).step(this.#state as StartupMachine['initial'], event);
    this.#state = state;
    for (const effect of effects) {
      if (effect.kind === 'send') this.#connection.write(effect.bytes);
      else if (effect.kind === 'ready') {
        this.#machine = undefined;
        this.#login?.resolve();
        this.#login = undefined;
      } else if (effect.kind === 'refuse') this.#lost(effect.error);
    }
  }

  /** Asks one thing; answers its rows. Rejects with the server's error. */
  ask(text: string, copy?: CopySink): Promise<TextRow[]> {
    return new Promise((resolve, reject) => {
      if (this.#over) {
        reject(replicationLost());
        return;
      }
      this.#asked = { rows: [], resolve, reject, error: undefined };
      this.#copy = copy;
      this.#send((writer) => encodeQuery(writer, text));
    });
  }

  sendCopyData(bytes: Uint8Array): void {
    if (!this.#over) this.#send((writer) => encodeCopyData(writer, bytes));
  }

  sendCopyDone(): void {
    if (!this.#over) this.#send((writer) => encodeCopyDone(writer));
  }

  #send(write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter(512);
    write(writer);
    this.#connection.write(writer.take());
  }

  close(): void {
    this.#connection.destroy();
  }

  data(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#deframer.feed(bytes);
    if (this.#deframer.state !== 'flowing') this.#lost(replicationLost());
  }

  end(): void {
    this.#lost(replicationLost());
  }

  drain(): void {}

  closed(): void {
    this.#lost(replicationLost());
  }

  frame(_tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    if (this.#machine !== undefined) {
      this.#step({ kind: 'messageReceived', buffer, start, end });
      return;
    }
    const copy = buffer.slice(start, end);
    const message = decodeBackendMessage(copy, 0, copy.length);
    if (message === undefined) this.#lost(replicationLost());
    else this.#received(message);
  }

  part(): void {
    this.#lost(replicationLost());
  }

  #received(message: BackendMessage): void {
    const asked = this.#asked;
    switch (message.kind) {
      case 'dataRow':
        asked?.rows.push(message.values.map((value) => (value === null ? null : utf8Text(value))));
        return;
      case 'errorResponse':
        if (asked === undefined) this.#lost(new PgError(message.report));
        else asked.error = new PgError(message.report);
        return;
      case 'copyData':
        this.#copy?.copyData(message.data);
        return;
      case 'copyDone':
        this.#copy?.copyDone();
        return;
      case 'readyForQuery':
        this.#asked = undefined;
        if (asked?.error !== undefined) asked.reject(asked.error);
        else asked?.resolve(asked.rows);
        return;
      default:
    }
  }

  #lost(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.destroy();
    this.#login?.reject(error);
    if (this.#asked === undefined) this.onLost?.(error);
    else this.#asked.reject(this.#asked.error ?? error);
    this.#asked = undefined;
  }
}
