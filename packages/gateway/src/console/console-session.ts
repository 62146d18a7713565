import { type Connection, type ConnectionHandler, type PgError } from '@multigres/core';
import {
  decodeFrontendMessage,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  MessageWriter,
  type AcceptedSession,
  type Deframer,
  type FrameSink,
} from '@multigres/pgwire';
import type { Cancellable } from '../cancel/cancels.ts';
import { secretBytesFor, type CancelKey } from '../cancel/cancel-keys.ts';
import {
  consoleCancelled,
  consoleCannot,
  consoleMessageTooLong,
  malformedLength,
  tooManyConsoles,
  malformedMessage,
  unknownMessage,
} from '../errors.ts';
import { sayGoodbye, type GoodbyeEnvironment } from '../session/goodbye.ts';
import type { SessionEnvironment } from '../session/session-environment.ts';
import { consoleAccess } from './console-access.ts';
import { ConsoleProtocol } from './console-protocol.ts';
import { ConsoleSettings } from './console-settings.ts';
import type { Console } from './console.ts';

/** What a session at the console needs of its gateway. */
export type ConsoleEnvironment = GoodbyeEnvironment &
  Pick<SessionEnvironment, 'cancelKeys' | 'limits' | 'consoleStarted' | 'consoleEnded' | 'consoles'>;

/** Sessions at the console, which do not count among the others. */
const consolesMax = 100;

/** A client of the admin console: one message at a time, the connection rests while a command is under way. Nothing of it goes to Postgres. */
export class ConsoleSession implements ConnectionHandler, FrameSink, Cancellable {
  readonly #environment: ConsoleEnvironment;
  readonly #console: Console;
  readonly #connection: Connection;
  readonly #deframer: Deframer;
  readonly #accepted: AcceptedSession;
  readonly #isProven: boolean;
  readonly #writer: MessageWriter = new MessageWriter();
  readonly #key: CancelKey;
  #protocol: ConsoleProtocol | undefined;
  /** What came while a command was under way. */
  #leftover: Uint8Array | undefined;
  #giveUp: ((error: PgError) => void) | undefined;
  #over = false;

  /** The connection is paused and the deframer stopped; what came behind the login is handed to `data`. */
  constructor(
    environment: ConsoleEnvironment,
    console: Console,
    connection: Connection,
    deframer: Deframer,
    accepted: AcceptedSession,
    isProven: boolean,
  ) {
    this.#isProven = isProven;
    this.#environment = environment;
    this.#console = console;
    this.#connection = connection;
    this.#deframer = deframer;
    this.#accepted = accepted;
    this.#key = environment.cancelKeys.issue(this, secretBytesFor(accepted.version));
    environment.consoleStarted(this);
  }

  /** Takes the connection over. */
  start(): void {
    const { user, database, settings: startup, replication } = this.#accepted;
    this.#connection.attach(this);
    const access = consoleAccess(this.#console.config, {
      user,
      isProven: this.#isProven,
      remote: this.#connection.remote,
    });
    if (access.kind === 'refused') return this.finish(access.error);
    if (this.#environment.consoles > consolesMax) return this.finish(tooManyConsoles(consolesMax));
    if (replication !== 'none') return this.finish(consoleCannot('replicate'));
    const settings = new ConsoleSettings(user, startup);
    const { mayCommand } = access;
    this.#protocol = new ConsoleProtocol({
      console: {
        run: (statement, by) => this.#cancellable(this.#console.run(statement, by)),
      },
      writer: this.#writer,
      user,
      database,
      mayCommand,
      settings,
    });
    for (const [name, value] of settings.welcome()) encodeParameterStatus(this.#writer, name, value);
    encodeBackendKeyData(this.#writer, this.#key.processId, this.#key.secretKey);
    encodeReadyForQuery(this.#writer, 'I');
    this.#writeOut();
    this.#deframer.resume();
    this.#connection.resume();
  }

  /** Gives up waiting for a command; what was asked of others goes on there. */
  cancel(): undefined {
    this.#giveUp?.(consoleCancelled());
  }

  /** Ends the session, telling the client why. */
  finish(error: PgError): void {
    if (this.#over) return;
    encodeErrorResponse(this.#writer, { ...error.report, severity: 'FATAL' });
    this.#writeOut();
    this.#leave();
  }

  data(bytes: Uint8Array): void {
    if (this.#over) return;
    if (this.#leftover !== undefined) {
      const joined = new Uint8Array(this.#leftover.length + bytes.length);
      joined.set(this.#leftover);
      joined.set(bytes, this.#leftover.length);
      this.#leftover = joined;
      return;
    }
    const used = this.#deframer.feed(bytes);
    if (this.#isOver()) return;
    switch (this.#deframer.state) {
      case 'badTag':
        return this.finish(unknownMessage(bytes[used] ?? 0));
      case 'badLength':
        return this.finish(malformedLength());
      case 'stopped':
        this.#leftover = bytes.slice(used);
        return;
      default:
    }
  }

  end(): void {
    this.#leave();
  }

  drain(): void {}

  closed(): void {
    this.#leave(false);
  }

  frame(_tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#over || this.#protocol === undefined) return;
    const message = decodeFrontendMessage(buffer, start, end);
    if (message === undefined) return this.finish(malformedMessage());
    if (message.kind === 'terminate') return this.#leave();
    this.#deframer.stop();
    this.#connection.pause();
    void this.#protocol.message(message).then(() => this.#goOn());
  }

  part(_tag: number, _buffer: Uint8Array, _start: number, _end: number, _place: unknown, bodyBytes: number): void {
    this.finish(consoleMessageTooLong(bodyBytes, this.#environment.limits.wholeMessageBytesMax));
  }

  /** The message is answered: the next one, if it has come. */
  #goOn(): void {
    if (this.#over) return;
    this.#writeOut();
    this.#deframer.resume();
    const bytes = this.#leftover;
    this.#leftover = undefined;
    if (bytes !== undefined && bytes.length > 0) this.data(bytes);
    if (this.#leftover === undefined && !this.#isOver() && this.#deframer.state === 'flowing')
      this.#connection.resume();
  }

  /** A command, or the cancel of it, whichever comes first. */
  async #cancellable<T>(command: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#giveUp = reject;
    try {
      return await Promise.race([command, promise]);
    } finally {
      this.#giveUp = undefined;
    }
  }

  /** A call, so that the compiler does not take it for what it was before the messages were handled. */
  #isOver(): boolean {
    return this.#over;
  }

  #writeOut(): void {
    if (this.#writer.length > 0) this.#connection.write(this.#writer.take());
  }

  #leave(connected: boolean = true): void {
    if (this.#over) return;
    this.#over = true;
    this.#giveUp?.(consoleCancelled());
    this.#environment.cancelKeys.revoke(this.#key);
    this.#environment.consoleEnded(this);
    if (connected) sayGoodbye(this.#connection, this.#environment);
  }
}
