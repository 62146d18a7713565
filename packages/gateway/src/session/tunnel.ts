import { sqlstate, type Connection, type ConnectionHandler, type PgError } from '@multigres/core';
import {
  Deframer,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeReadyForQuery,
  messageBytesMaxOfPostgres,
  type AcceptedSession,
} from '@multigres/pgwire';
import { ReceiveWindow, replyFlag, requestCost, SendWindow, type Open } from '@multigres/relay';
import { credentialsOf } from '../auth/credentials.ts';
import { secretBytesFor, type CancelKey } from '../cancel/cancel-keys.ts';
import { poolerLost } from '../errors.ts';
import type { ChannelHandler, PoolerClient } from '../route/pooler-client.ts';
import type { Route, Seeker } from '../route/route.ts';
import type { Welcome } from '../route/welcomes.ts';
import { sayGoodbye } from './goodbye.ts';
import { pieceBytesMax, type StatementUse } from './request-builder.ts';
import { PinReason } from '@multigres/sql';
import type { SessionEnvironment } from './session-environment.ts';
import type { SessionView } from './session-view.ts';

const noUses: readonly StatementUse[] = [];
const headerBytes = 5;

/**
 * A replication connection (documentation, "Streaming Replication Protocol"): its client has a backend of its own from login to goodbye, and
 * once it is logged in all bytes go through as they are, in both directions, at the pace of whoever takes them.
 */
export class Tunnel implements ConnectionHandler, ChannelHandler, Seeker {
  readonly at = 'leader';
  readonly user: string;
  readonly database: string;
  readonly replication: 'physical' | 'logical';
  readonly #environment: SessionEnvironment;
  readonly #connection: Connection;
  readonly #route: Route;
  readonly #open: Open;
  readonly #giveUpMs: number;
  /** Where its channel is; meaningless while it has none. */
  #pooler!: PoolerClient;
  /** 0: it has none, and waits for somebody to lead. */
  #channel = 0;
  readonly #key: CancelKey;
  readonly #sendWindow: SendWindow = new SendWindow();
  readonly #receiveWindow: ReceiveWindow = new ReceiveWindow();
  /** Knows where the server's messages end: only there something of our own may be said. */
  readonly #replies: Deframer = new Deframer(
    { frame: () => {}, part: () => {} },
    { wholeBytesMax: headerBytes, messageBytesMax: messageBytesMaxOfPostgres },
  );
  /** The SQLSTATE that it was told last of all, or that the client left by itself. */
  #endedBy = 'client';
  #welcomed = false;
  #phase: 'opening' | 'ready' | 'ended' = 'opening';
  /** For views, as in a session. */
  readonly #connectedSecond: number;
  readonly #applicationName: string;
  tls = '';
  /** Bytes that came before they could be taken; the connection is paused meanwhile. */
  #leftover: Uint8Array | undefined;
  #windowClosed = false;
  #clientStalled = false;
  #uncreditedBytes = 0;

  /** The connection is paused; what came behind the login is handed to `data`. */
  constructor(
    environment: SessionEnvironment,
    connection: Connection,
    accepted: AcceptedSession,
    replication: 'physical' | 'logical',
  ) {
    const { user, database } = accepted;
    this.user = user;
    this.database = database;
    this.replication = replication;
    this.#environment = environment;
    this.#connectedSecond = environment.metrics.turn.second;
    this.#applicationName = accepted.settings.get('application_name') ?? '';
    this.#connection = connection;
    this.#key = environment.cancelKeys.issue(this, secretBytesFor(accepted.version));
    this.#route = environment.routeFor(database);
    this.#giveUpMs = environment.clock.nowMs() + environment.limits.poolerWaitMs;
    environment.tunnels.add(this);
    const credentials = credentialsOf(accepted, environment.authenticator.secretInFile(user));
    const settings = [...accepted.settings];
    this.#open = { user, database, settings, credentials, replication, at: 'leader' };
    this.#seek();
  }

  /** What the console's KILL CLIENT names. */
  get id(): number {
    return this.#key.processId;
  }

  /** For the console; made when it is asked for. */
  get view(): SessionView {
    return {
      id: this.id,
      channel: this.#channel,
      user: this.user,
      database: this.database,
      replication: this.replication,
      state: this.#phase === 'ready' ? 'active' : 'opening',
      remote: this.#connection.remote,
      connectedMs: this.#connectedSecond * 1000,
      sinceMs: this.#connectedSecond * 1000,
      applicationName: this.#applicationName,
      pins: PinReason.replication,
      tls: this.tls,
    };
  }

  /** Takes the connection over. */
  start(): void {
    this.#connection.attach(this);
  }

  cancel(): Promise<void> | undefined {
    return this.#phase === 'ready' ? this.#pooler.cancel(this.#channel) : undefined;
  }

  /** Ends the session, telling the client why if it is not in the middle of a message. */
  finish(error: PgError): void {
    if (this.#phase === 'ended') return;
    this.#endedBy = error.sqlstate;
    if (this.#replies.betweenMessages) {
      encodeErrorResponse(this.#environment.writer, { ...error.report, severity: 'FATAL' });
      this.#writeOut();
    }
    this.#leave();
  }

  // --- the client's connection ---

  data(bytes: Uint8Array): void {
    if (this.#phase === 'ended') return;
    this.#environment.metrics.receivedBytes.add(bytes.length);
    if (this.#phase === 'opening' || this.#windowClosed) return this.#keep(bytes);
    this.#forward(bytes);
  }

  end(): void {
    this.#leave();
  }

  drain(): void {
    this.#clientStalled = false;
    const bytes = this.#uncreditedBytes;
    this.#uncreditedBytes = 0;
    this.#consumed(bytes);
  }

  closed(): void {
    this.#leave(false);
  }

  // --- the pooler ---

  opened(welcome: Welcome): void {
    if (this.#phase !== 'opening') return;
    this.#phase = 'ready';
    this.#welcomed = true;
    const { metrics, writer } = this.#environment;
    metrics.logins.add();
    writer.bytes(welcome.messages);
    encodeBackendKeyData(writer, this.#key.processId, this.#key.secretKey);
    encodeReadyForQuery(writer, 'I');
    this.#writeOut();
    this.#goOn();
  }

  reply(flags: number, _count: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.#phase === 'ended') return;
    const bytes = end - start;
    if (bytes > 0) {
      this.#replies.feed(buffer.subarray(start, end));
      this.#environment.writer.bytes(buffer, start, end);
      this.#writeOut();
      if (this.#clientStalled) this.#uncreditedBytes += bytes;
      else this.#consumed(bytes);
    }
    if (flags & replyFlag.ends) this.#leave();
  }

  credited(bytes: number): void {
    this.#sendWindow.credited(bytes);
    if (!this.#windowClosed || !this.#sendWindow.open) return;
    this.#windowClosed = false;
    this.#goOn();
  }

  /** Its backend is nobody else's. */
  claimed(): void {}

  /** It prepares nothing that anybody carries. */
  preparedOtherwise(): void {}

  ended(error: PgError): void {
    if (this.#phase === 'opening' && error.sqlstate === sqlstate.notTheLeader) {
      this.#route.refusedBy(this.#pooler);
      return this.#seek();
    }
    this.finish(error);
  }

  lost(): void {
    this.finish(poolerLost(false));
  }

  /** Its position in the log belongs to the backend that it has: it ends with that. */
  movesOn(): void {}

  /** What a replication connection says is never begun elsewhere. */
  returned(): void {}
  recalled(): void {}

  found(client: PoolerClient): void {
    this.#pooler = client;
    this.#channel = client.open(this.#open, this);
  }

  notFound(error: PgError): void {
    this.finish(error);
  }

  // --- inside ---

  #seek(): void {
    this.#channel = 0;
    this.#route.seek(this, this.#giveUpMs, { at: 'leader' });
  }

  #keep(bytes: Uint8Array): void {
    const kept = this.#leftover ?? new Uint8Array(0);
    this.#leftover = new Uint8Array(kept.length + bytes.length);
    this.#leftover.set(kept);
    this.#leftover.set(bytes, kept.length);
    this.#connection.pause();
  }

  #goOn(): void {
    const bytes = this.#leftover;
    this.#leftover = undefined;
    if (bytes !== undefined && bytes.length > 0) this.#forward(bytes);
    if (!this.#windowClosed) this.#connection.resume();
  }

  #forward(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += pieceBytesMax) {
      const end = Math.min(bytes.length, at + pieceBytesMax);
      this.#pooler.request(this.#channel, 0, 0, noUses, bytes, at, end);
      this.#sendWindow.sent(requestCost(0, end - at));
    }
    if (this.#sendWindow.open) return;
    this.#windowClosed = true;
    this.#connection.pause();
  }

  #consumed(bytes: number): void {
    const credit = this.#receiveWindow.consumed(bytes);
    if (credit > 0 && this.#phase !== 'ended') this.#pooler.credit(this.#channel, credit);
  }

  #writeOut(): void {
    const { metrics, writer } = this.#environment;
    metrics.sentBytes.add(writer.length);
    if (!this.#connection.write(writer.take())) this.#clientStalled = true;
    if (this.#connection.backlogBytes === 0) writer.giveBack();
  }

  #leave(connected: boolean = true): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#environment.cancelKeys.revoke(this.#key);
    this.#environment.metrics.over(this.#welcomed, this.#endedBy);
    this.#environment.tunnels.delete(this);
    if (this.#channel === 0) this.#route.forget(this);
    else this.#pooler.close(this.#channel);
    this.#leftover = undefined;
    if (connected) sayGoodbye(this.#connection, this.#environment);
  }
}
