import { PgError, type Connection, type ConnectionHandler, type NetworkError, type Timer } from '@multigres/core';
import {
  Deframer,
  MessageWriter,
  decodeFrontendMessage,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeNoticeResponse,
  encodeNotificationResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  frontendTagTable,
  messageBytesMaxOfPostgres,
  type FrameSink,
  type FrontendMessage,
} from '@multigres/pgwire';

import {
  Unsupported,
  adminShutdown,
  copyFailed,
  fatalProtocolViolation,
  idleInTransactionTimeout,
  idleSessionTimeout,
  queryCanceled,
  recoveryConflict,
  unexpectedInCopy,
} from '../errors.ts';
import type { Notice, SessionClient } from '../session/host.ts';
import type { Notification } from '../session/notifications.ts';
import { Session } from '../session/session.ts';
import type { ActivityEntry } from '../sql/system-views.ts';
import { WalSender } from '../replication/wal-sender.ts';
import type { Config } from './configuration.ts';
import type { CommitSequence } from '../storage/commit-log.ts';
import type { Task, Wait } from '../wait.ts';
import { CopyOut } from './copy-out.ts';
import { MessageHandler } from './message-handler.ts';
import type { Server } from './server.ts';
import { Login, type LoggedIn } from './login.ts';

/** Whole messages up to here; longer ones (a COPY row, a parameter) are refused: the model has no use for them. */
const messageBytesMax = Math.min(messageBytesMaxOfPostgres, 64 * 1024 * 1024);
const queuedMessagesMax = 512;
const outputBytesPerWrite = 32 * 1024;

/** Thrown into a task whose server or connection is gone: nobody is told. */
class Gone extends Error {
  override readonly name = 'Gone';
}

/** The process that serves one connection. */
export class Backend implements ConnectionHandler, FrameSink {
  readonly pid: number;
  readonly secretKey: Uint8Array;
  readonly #server: Server;
  readonly #connection: Connection;
  readonly #deframer: Deframer;
  readonly #writer: MessageWriter = new MessageWriter();
  readonly #login: Login;
  readonly #queue: FrontendMessage[] = [];
  readonly #pending: Notification[] = [];
  readonly #copyOut: CopyOut;
  #session: Session | undefined;
  /** Instead of a session, on a replication connection. */
  #sender: WalSender | undefined;
  #pendingConfig: Config | undefined;
  /** Nothing more is said: the client was told what it needs to know. */
  #muted = false;
  #handler: MessageHandler | undefined;
  #task: Task<void> | undefined;
  #running = false;
  #wait: Wait | undefined;
  #waitNumber = 0;
  #interrupt: Error | undefined;
  #readsCommand = false;
  #paused = false;
  #blocked = false;
  #wakeDrain: (() => void) | undefined;
  #wakeRead: (() => void) | undefined;
  /** The client will send no more, but may still read. */
  #inputEnded = false;
  #clientGone = false;
  #ended = false;
  #skipToSync = false;
  #statementTimer: Timer | undefined;
  #idleTimer: Timer | undefined;
  #lockTimer: Timer | undefined;
  #query = '';
  #throwNow = false;
  readonly #startedMicros: bigint;

  constructor(server: Server, connection: Connection, pid: number, secretKey: Uint8Array) {
    this.#server = server;
    this.#connection = connection;
    this.pid = pid;
    this.secretKey = secretKey;
    this.#startedMicros = server.wallMicros();
    this.#deframer = new Deframer(
      this,
      { wholeBytesMax: messageBytesMax, messageBytesMax, tags: frontendTagTable() },
      'startup',
    );
    this.#copyOut = new CopyOut(this.#writer, () => this.flushIfFull());
    this.#login = new Login(server, {
      remote: connection.remote,
      send: (bytes) => this.#send(bytes),
      endStartup: () => this.#deframer.endStartup(),
      accept: (loggedIn) => this.#accept(loggedIn),
      close: () => this.#end(),
    });
    connection.attach(this);
  }

  // The connection.

  data(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#deframer.feed(bytes);
    if (this.#deframer.state === 'badLength' || this.#deframer.state === 'badTag') this.#malformed();
    this.#runIfReading();
  }

  end(): void {
    this.#inputEnded = true;
    if (this.#session === undefined) this.#end();
    this.#runIfReading();
  }

  drain(): void {
    this.#blocked = false;
    this.#sender?.drained();
    const wake = this.#wakeDrain;
    this.#wakeDrain = undefined;
    wake?.();
  }

  closed(_error: NetworkError | undefined): void {
    this.#noteClientGone();
  }

  frame(tag: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#ended) return;
    if (this.#session === undefined && this.#sender === undefined) {
      this.#login.received(tag, buffer, start, end);
      return;
    }
    // The bytes are valid during this call only.
    const copy = buffer.slice(start, end);
    const message = decodeFrontendMessage(copy, 0, copy.length);
    if (message === undefined) this.#malformed();
    else if (this.#sender !== undefined) this.#sender.message(message);
    else this.#enqueue(message);
  }

  part(): void {
    this.#malformed();
  }

  #enqueue(message: FrontendMessage): void {
    this.#queue.push(message);
    if (this.#queue.length >= queuedMessagesMax && !this.#paused) {
      this.#paused = true;
      this.#connection.pause();
    }
  }

  #malformed(): void {
    if (this.#sender !== undefined) this.#end();
    else if (this.#session === undefined)
      this.#login.failed(fatalProtocolViolation('invalid length of startup packet'));
    else this.interrupt(fatalProtocolViolation('invalid message format'));
  }

  /** A backend notices that its client is gone when it reads or writes; until then it goes on, locks and all. */
  #noteClientGone(): void {
    if (this.#clientGone) return;
    this.#clientGone = true;
    this.#inputEnded = true;
    if (this.#session === undefined) this.#end();
    this.#runIfReading();
    // Writing to nobody never blocks.
    this.drain();
  }

  /** The client's bytes are handled in the turn in which they arrive. */
  #runIfReading(): void {
    const wake = this.#wakeRead;
    if (wake === undefined || this.#running || (this.#queue.length === 0 && !this.#inputEnded)) return;
    this.#wakeRead = undefined;
    this.#wait = undefined;
    this.#waitNumber += 1;
    this.#resume();
  }

  #send(bytes: Uint8Array): void {
    if (!this.#muted && !this.#clientGone && !this.#connection.write(bytes)) this.#blocked = true;
  }

  // Writing.

  get writer(): MessageWriter {
    return this.#writer;
  }

  flush(): void {
    if (this.#writer.length > 0) this.#send(this.#writer.take());
  }

  /** Sends what has gathered if it is much; answers a wait if the client does not keep up. */
  flushIfFull(): Wait | undefined {
    if (this.#writer.length < outputBytesPerWrite) return undefined;
    this.flush();
    if (!this.#blocked || this.#clientGone) return undefined;
    return {
      event: 'ClientWrite',
      start: (wake) => {
        this.#wakeDrain = wake;
        if (!this.#blocked) this.drain();
      },
      cancel: () => {
        this.#wakeDrain = undefined;
      },
    };
  }

  // The session.

  get session(): Session | undefined {
    return this.#session;
  }

  get isListening(): boolean {
    return this.#session !== undefined && !this.#ended;
  }

  /** For the god's-eye view. */
  get activity(): {
    readonly state: 'idle' | 'active';
    readonly waitEvent: string | undefined;
    readonly query: string;
  } {
    return { state: this.#readsCommand ? 'idle' : 'active', waitEvent: this.#wait?.event, query: this.#query };
  }

  /** For pg_stat_activity; undefined before it has logged in. */
  get entry(): ActivityEntry | undefined {
    if (this.#sender !== undefined) {
      const { identity, state } = this.#sender;
      return {
        pid: this.pid,
        type: 'walsender',
        startedMicros: identity.startedMicros,
        user: identity.user,
        applicationName: identity.applicationName,
        waitEvent: 'WalSenderMain',
        state: state === 'startup' ? 'idle' : 'active',
      };
    }
    const session = this.#session;
    if (session === undefined) return undefined;
    const idle = session.status === 'I' ? 'idle' : 'idle in transaction';
    return {
      pid: this.pid,
      type: 'client backend',
      startedMicros: this.#startedMicros,
      database: session.database,
      user: session.sessionUser,
      applicationName: session.settings.get('application_name') ?? '',
      waitEvent: this.#wait?.event,
      state: this.#readsCommand ? (session.status === 'E' ? `${idle} (aborted)` : idle) : 'active',
      query: this.#query,
    };
  }

  noteQuery(text: string): void {
    this.#query = text;
  }

  /** A replication connection: from here on a walsender answers. */
  #acceptSender(loggedIn: LoggedIn): void {
    const link = {
      pid: this.pid,
      send: (bytes: Uint8Array) => {
        this.#send(bytes);
        return !this.#blocked || this.#clientGone;
      },
      end: () => this.#end(),
    };
    try {
      this.#server.admitSender(loggedIn.user);
    } catch (error) {
      this.#login.failed(error as PgError);
      return;
    }
    encodeBackendKeyData(this.#writer, this.pid, this.secretKey);
    encodeReadyForQuery(this.#writer, 'I');
    this.flush();
    this.#sender = new WalSender(this.#server.processes, link, {
      user: loggedIn.user,
      applicationName: loggedIn.settings.get('application_name') ?? '',
      startedMicros: this.#server.wallMicros(),
    });
  }

  /** As whom a standby follows; undefined if nobody does here. */
  get senderUser(): string | undefined {
    return this.#sender?.identity.user;
  }

  get isSender(): boolean {
    return this.#sender !== undefined;
  }

  /** It hears that the configuration has changed, and heeds it before its next command. */
  configure(config: Config): void {
    if (this.#session !== undefined) this.#pendingConfig = config;
  }

  #heedConfig(): void {
    const config = this.#pendingConfig;
    this.#pendingConfig = undefined;
    if (config !== undefined) this.#session?.reconfigure(config);
  }

  #accept(loggedIn: LoggedIn): void {
    if (loggedIn.replication) {
      this.#acceptSender(loggedIn);
      return;
    }
    const client: SessionClient = {
      notice: (notice) => this.#notice(notice),
      beginCopyIn: (columns) => {
        this.#copyOut.beginIn(columns);
        this.flush();
      },
      copyData: () => this.#copyData(),
      beginCopyOut: (columns) => this.#copyOut.begin(columns),
      copyLine: (line) => this.#copyOut.line(line),
      endCopyOut: () => this.#copyOut.end(),
      commitBegins: () => this.#stopStatementTimerIf(true),
      endQuietly: () => this.#endQuietly(),
    };
    try {
      this.#session = this.#server.openSession(this, loggedIn, client);
    } catch (error) {
      this.#login.failed(error as PgError);
      return;
    }
    this.#handler = new MessageHandler(this.#session, this, this.#server);
    this.#reportSettings();
    encodeBackendKeyData(this.#writer, this.pid, this.secretKey);
    this.#task = this.#main();
    this.#resume();
  }

  /** What was said until now is sent; then nothing more, and the session ends at its next chance. */
  #endQuietly(): void {
    this.flush();
    this.#muted = true;
    this.#interrupt = new Gone('ended after a commit');
  }

  #notice(notice: Notice): void {
    const { level, ...rest } = notice;
    encodeNoticeResponse(this.#writer, { severity: level, ...rest });
  }

  #reportSettings(): void {
    for (const [name, value] of (this.#session as Session).settings.takeReports())
      encodeParameterStatus(this.#writer, name, value);
  }

  // The main loop.

  *#main(): Task<void> {
    const handler = this.#handler as MessageHandler;
    let ready = true;
    for (;;) {
      if (ready) this.#becomeReady();
      ready = false;
      const message = yield* this.#nextCommand();
      if (message === undefined || message.kind === 'terminate') return;
      if (this.#skipToSync && message.kind !== 'sync') continue;
      this.#skipToSync = false;
      try {
        yield* this.#statementDelay(message);
        this.#startStatementTimer(message);
        // Nor by one that comes between an Execute and its Sync: while it reads a command, Postgres ignores it.
        if (message.kind === 'sync') this.#forgetCancel();
        this.checkInterrupts();
        ready = yield* handler.handle(message);
        this.#stopStatementTimerIf(ready);
        // What is committed cannot be cancelled any more: Postgres forgets a cancel that comes after the commit.
        this.#forgetCancel();
        this.checkInterrupts();
      } catch (error) {
        ready = this.#failed(error, message);
      }
    }
  }

  #becomeReady(): void {
    const session = this.#session as Session;
    session.noteRecovery();
    this.#forgetCancel();
    if (session.block === 'idle') this.#deliver();
    this.#reportSettings();
    encodeReadyForQuery(this.#writer, session.status);
    this.flush();
    this.#startIdleTimer(session);
  }

  /** A cancel that arrives too late is forgotten. */
  #forgetCancel(): void {
    if (this.#interrupt instanceof PgError && this.#interrupt.report.severity !== 'FATAL') this.#interrupt = undefined;
  }

  *#nextCommand(): Task<FrontendMessage | undefined> {
    this.#readsCommand = true;
    while (this.#queue.length === 0) {
      if (this.#inputEnded) return undefined;
      yield this.#readWait('ClientRead');
    }
    this.#readsCommand = false;
    this.#idleTimer?.cancel();
    this.#idleTimer = undefined;
    if (this.#pendingConfig !== undefined) this.#heedConfig();
    return this.#dequeue();
  }

  #dequeue(): FrontendMessage | undefined {
    const message = this.#queue.shift();
    if (this.#paused && this.#queue.length < queuedMessagesMax / 4) {
      this.#paused = false;
      this.#connection.resume();
    }
    return message;
  }

  #readWait(event: string): Wait {
    return {
      event,
      start: (wake) => {
        this.#wakeRead = wake;
      },
      cancel: () => {
        this.#wakeRead = undefined;
      },
    };
  }

  *#copyData(): Task<Uint8Array | undefined> {
    for (;;) {
      while (this.#queue.length === 0) {
        if (this.#inputEnded) throw new Gone('the client left in the middle of COPY');
        yield this.#readWait('CopyRead');
      }
      const message = this.#dequeue() as FrontendMessage;
      switch (message.kind) {
        case 'copyData':
          return message.data;
        case 'copyDone':
          return undefined;
        case 'copyFail':
          throw copyFailed(message.message);
        case 'flush':
        case 'sync':
          break;
        default:
          throw unexpectedInCopy(tagOf(message));
      }
    }
  }

  *#statementDelay(message: FrontendMessage): Task<void> {
    if (message.kind !== 'query' && message.kind !== 'execute' && message.kind !== 'parse') return;
    const delayMs = this.#server.statementDelayMs(message.kind === 'query' ? message.text : '');
    if (delayMs > 0) yield this.#server.sleep(delayMs);
  }

  // Errors and interrupts.

  /** Answers whether the client is to be told that the backend is ready again. */
  #failed(error: unknown, message: FrontendMessage): boolean {
    const session = this.#session as Session;
    this.#stopStatementTimerIf(true);
    this.#lockTimer?.cancel();
    if (!(error instanceof PgError) || error.report.severity === 'FATAL') throw error;
    if (error instanceof Unsupported) this.#server.unsupported(`${error.what}: ${describe(message)}`);
    session.failCommand();
    encodeErrorResponse(this.#writer, error.report);
    if (message.kind === 'query' || message.kind === 'sync' || message.kind === 'functionCall') return true;
    this.#skipToSync = true;
    this.flush();
    return false;
  }

  /** Something happens to the backend from outside: a cancel, a time limit, its end. Takes effect at the next wait. */
  interrupt(error: Error): void {
    if (this.#ended) return;
    const fatal = !(error instanceof PgError) || error.report.severity === 'FATAL';
    if (this.#sender !== undefined && error instanceof PgError) {
      this.#sender.fail(error);
      return;
    }
    if (this.#session === undefined) {
      this.#end();
      return;
    }
    if (!fatal && (this.#readsCommand || this.#interrupt !== undefined)) return;
    this.#interrupt = error;
    const wait = this.#wait;
    if (wait === undefined || this.#running || !this.#mayInterrupt(wait)) return;
    wait.cancel();
    this.#wait = undefined;
    this.#wakeRead = undefined;
    this.#waitNumber += 1;
    this.#throwNow = true;
    this.#server.soon(() => this.#resume());
  }

  #mayInterrupt(wait: Wait): boolean {
    if (wait.holdsOff === true) return false;
    // A backend that waits for COPY data hears of its end, but of a cancel only when data arrives.
    return (wait.event !== 'CopyRead' && wait.event !== 'ClientRead') || this.#isFatal();
  }

  #isFatal(): boolean {
    return !(this.#interrupt instanceof PgError) || this.#interrupt.report.severity === 'FATAL';
  }

  checkInterrupts(): void {
    const error = this.#takeInterrupt();
    if (error !== undefined) throw error;
  }

  cancel(): void {
    this.interrupt(queryCanceled('user request'));
  }

  terminate(): void {
    this.interrupt(adminShutdown());
  }

  /** What the replay has to wait for as long as this session looks at it: the snapshot of a running statement, or one that is kept. */
  get viewInUse(): CommitSequence | undefined {
    const session = this.#session;
    const transaction = session?.transaction;
    if (session === undefined || transaction === undefined) return undefined;
    const inUse = !this.#readsCommand || transaction.kept !== undefined || session.portals.names().length > 0;
    return inUse ? session.host.store.viewOf(transaction) : undefined;
  }

  /** The replay of the log waits for this session no longer. */
  conflict(detail: string): void {
    this.interrupt(recoveryConflict(detail, this.#readsCommand));
  }

  /** Kills the process: the connection is reset and its transaction rolled back, without a word. */
  kill(): void {
    this.interrupt(new Gone('killed'));
  }

  /** The whole server is gone at once: nothing is cleaned up, because its memory is gone too. */
  vanish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wait?.cancel();
    this.#stopTimers();
    this.#sender?.end();
    this.#connection.destroy();
  }

  // Running the task.

  #resume(): void {
    if (this.#ended || this.#task === undefined) return;
    this.#running = true;
    try {
      this.#step();
    } catch (error) {
      this.#die(error);
    } finally {
      this.#running = false;
    }
  }

  #step(): void {
    const task = this.#task as Task<void>;
    let error = this.#throwNow ? this.#takeInterrupt() : undefined;
    this.#throwNow = false;
    for (;;) {
      const step = error === undefined ? task.next() : task.throw(error);
      error = undefined;
      if (step.done === true) {
        this.#end();
        return;
      }
      this.#wait = step.value;
      if (this.#interrupt === undefined || !this.#mayInterrupt(step.value)) {
        this.#startWait(step.value);
        return;
      }
      error = this.#takeInterrupt();
    }
  }

  #takeInterrupt(): Error | undefined {
    const error = this.#interrupt;
    this.#interrupt = undefined;
    return error;
  }

  #startWait(wait: Wait): void {
    this.#waitNumber += 1;
    const number = this.#waitNumber;
    this.#startLockTimer(wait);
    wait.start(() => {
      if (number !== this.#waitNumber || this.#ended) return;
      this.#waitNumber += 1;
      this.#wait = undefined;
      this.#lockTimer?.cancel();
      this.#lockTimer = undefined;
      this.#server.soon(() => this.#resume());
    });
  }

  /** Ends the session: with the client being told if the error is one for it. */
  #die(error: unknown): void {
    if (error instanceof PgError) {
      encodeErrorResponse(this.#writer, error.report);
      this.flush();
    }
    this.#end(error instanceof Gone && !this.#muted);
    if (!(error instanceof PgError) && !(error instanceof Gone)) throw error;
  }

  #end(abruptly = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimers();
    this.#sender?.end();
    this.#session?.close();
    this.#server.ended(this);
    if (abruptly) this.#connection.destroy();
    else this.#connection.end();
  }

  // Notifications.

  notify(notification: Notification): void {
    this.#pending.push(notification);
    if (!this.#readsCommand) return;
    this.#server.soon(() => {
      if (this.#ended || !this.#readsCommand || this.#session?.block !== 'idle') return;
      this.#deliver();
      this.flush();
    });
  }

  #deliver(): void {
    const channels = this.#session?.notifications.channels;
    for (const { pid, channel, payload } of this.#pending.splice(0)) {
      if (channels?.has(channel) === true) encodeNotificationResponse(this.#writer, pid, channel, payload);
    }
  }

  // Time limits.

  #startStatementTimer(message: FrontendMessage): void {
    if (this.#statementTimer !== undefined || message.kind === 'sync') return;
    const limitMs = (this.#session as Session).settings.number('statement_timeout');
    if (limitMs > 0)
      this.#statementTimer = this.#server.after(limitMs, () => this.interrupt(queryCanceled('statement timeout')));
  }

  #stopStatementTimerIf(done: boolean): void {
    if (!done) return;
    this.#statementTimer?.cancel();
    this.#statementTimer = undefined;
  }

  #startLockTimer(wait: Wait): void {
    this.#lockTimer?.cancel();
    this.#lockTimer = undefined;
    if (!wait.event.startsWith('Lock:')) return;
    const limitMs = (this.#session as Session).settings.number('lock_timeout');
    if (limitMs > 0) this.#lockTimer = this.#server.after(limitMs, () => this.interrupt(queryCanceled('lock timeout')));
  }

  #startIdleTimer(session: Session): void {
    const inBlock = session.status !== 'I';
    const limitMs = session.settings.number(inBlock ? 'idle_in_transaction_session_timeout' : 'idle_session_timeout');
    if (limitMs <= 0) return;
    this.#idleTimer = this.#server.after(limitMs, () =>
      this.interrupt(inBlock ? idleInTransactionTimeout() : idleSessionTimeout()),
    );
  }

  #stopTimers(): void {
    this.#statementTimer?.cancel();
    this.#idleTimer?.cancel();
    this.#lockTimer?.cancel();
  }
}

const tags: Readonly<Partial<Record<FrontendMessage['kind'], string>>> = {
  query: 'Q',
  parse: 'P',
  bind: 'B',
  execute: 'E',
  describe: 'D',
  close: 'C',
  terminate: 'X',
  functionCall: 'F',
};

function tagOf(message: FrontendMessage): number {
  return (tags[message.kind] ?? '?').charCodeAt(0);
}

function describe(message: FrontendMessage): string {
  if (message.kind === 'query') return message.text;
  return message.kind === 'parse' ? message.query : `a message of kind ${message.kind}`;
}
