import { PgError, type Clock, type Connection, type ConnectionHandler, type Timer } from '@multigres/core';
import {
  encodeError,
  encodeOpened,
  frameType,
  ReceiveWindow,
  replyFlag,
  requestCost,
  SendWindow,
  type Link,
  type Open,
} from '@multigres/relay';
import type { BackendIdentity } from '../backend/backend.ts';
import { noRoom } from '../errors.ts';

/** What a tunnel needs from the pooler around it. */
export interface TunnelEnvironment {
  readonly clock: Clock;
  /** How long to wait for a place. */
  readonly waitMs: number;
  /** Takes a place among all backends; false if all are taken: `placeFree` of the tunnel follows when that may have changed. */
  takePlace(tunnel: Tunnel): boolean;
  /** It no longer waits for a place. */
  forgetPlace(tunnel: Tunnel): void;
  givePlaceBack(tunnel: Tunnel): void;
  /** Logs in for a replication connection. Rejects with a PgError. */
  logIn(open: Open): Promise<{ readonly connection: Connection; readonly identity: BackendIdentity }>;
  cancelBackend(identity: BackendIdentity, done: () => void): void;
  tunnelEnded(tunnel: Tunnel): void;
}

/** Postgres notices within this long that its client is gone, or is cut off. */
const goodbyeMs = 5_000;

/**
 * A replication connection: a backend of its own, logged in for this session alone and ended with it. Nothing of what is said in between is
 * looked at.
 */
export class Tunnel implements ConnectionHandler {
  readonly id: number;
  readonly open: Open;
  readonly #link: Link;
  readonly #environment: TunnelEnvironment;
  readonly #sendWindow: SendWindow = new SendWindow();
  readonly #receiveWindow: ReceiveWindow = new ReceiveWindow();
  #phase: 'waiting' | 'loggingIn' | 'open' | 'ended' = 'waiting';
  #connection: Connection | undefined;
  #identity: BackendIdentity | undefined;
  #waitTimer: Timer | undefined;
  #paused = false;
  #uncreditedBytes = 0;

  constructor(id: number, open: Open, link: Link, environment: TunnelEnvironment) {
    this.id = id;
    this.open = open;
    this.#link = link;
    this.#environment = environment;
  }

  /** Asks for a place; answers the client with `opened` or `ended`. */
  start(): void {
    this.#waitTimer = this.#environment.clock.after(this.#environment.waitMs, () => {
      this.#environment.forgetPlace(this);
      this.finish(noRoom());
    });
    this.placeFree();
  }

  placeFree(): void {
    if (this.#phase !== 'waiting' || !this.#environment.takePlace(this)) return;
    this.#waitTimer?.cancel();
    this.#phase = 'loggingIn';
    void this.#logIn();
  }

  request(uses: number, buffer: Uint8Array, start: number, end: number): void {
    const connection = this.#connection;
    if (connection === undefined || this.#phase !== 'open') return;
    const taken = connection.write(buffer.slice(start, end));
    const cost = requestCost(uses, end - start);
    if (taken) this.#consumed(cost);
    else this.#uncreditedBytes += cost;
  }

  credited(bytes: number): void {
    this.#sendWindow.credited(bytes);
    if (!this.#paused || !this.#sendWindow.open) return;
    this.#paused = false;
    this.#connection?.resume();
  }

  /** `done` is called when the signal is not under way any more. */
  cancel(done: () => void): void {
    if (this.#identity === undefined || this.#phase !== 'open') return done();
    this.#environment.cancelBackend(this.#identity, done);
  }

  /** The client is gone. */
  close(): void {
    if (this.#phase === 'ended') return;
    if (this.#phase === 'waiting') {
      this.#waitTimer?.cancel();
      this.#environment.forgetPlace(this);
    }
    const connection = this.#connection;
    this.#phase = 'ended';
    this.#environment.tunnelEnded(this);
    // While it logs in there is no connection yet: it is ended when it is there.
    if (connection !== undefined) this.#hangUp(connection);
  }

  /** Ends the session from this side. */
  finish(error: PgError): void {
    if (this.#phase === 'ended') return;
    this.#link.send(this.id, frameType.ended, 0, 0, encodeError(error));
    this.close();
  }

  // --- Postgres ---

  data(bytes: Uint8Array): void {
    if (this.#phase !== 'open') return;
    this.#link.reply(this.id, 0, 0, bytes, 0, bytes.length);
    this.#sendWindow.sent(bytes.length);
    if (this.#sendWindow.open) return;
    this.#paused = true;
    this.#connection?.pause();
  }

  drain(): void {
    const bytes = this.#uncreditedBytes;
    this.#uncreditedBytes = 0;
    this.#consumed(bytes);
  }

  /** Postgres has said its last word, if any. */
  end(): void {
    this.#connection?.destroy();
  }

  closed(): void {
    this.#environment.givePlaceBack(this);
    if (this.#phase === 'ended') return;
    this.#link.bare(this.id, frameType.reply, replyFlag.ends);
    this.#phase = 'ended';
    this.#environment.tunnelEnded(this);
  }

  // --- inside ---

  async #logIn(): Promise<void> {
    try {
      const { connection, identity } = await this.#environment.logIn(this.open);
      if (this.#hasEnded()) {
        this.#hangUp(connection);
        return;
      }
      this.#connection = connection;
      this.#identity = identity;
      this.#phase = 'open';
      this.#link.send(this.id, frameType.opened, 0, 0, encodeOpened({ parameters: [...identity.parameters] }));
      connection.attach(this);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      this.#environment.givePlaceBack(this);
      this.finish(error);
    }
  }

  #hasEnded(): boolean {
    return this.#phase === 'ended';
  }

  #consumed(bytes: number): void {
    const credit = this.#receiveWindow.consumed(bytes);
    if (credit > 0 && this.#phase === 'open') this.#link.credit(this.id, credit);
  }

  /** What the client still said is sent, what Postgres still says is dropped. */
  #hangUp(connection: Connection): void {
    const timer = this.#environment.clock.after(goodbyeMs, () => connection.destroy());
    connection.attach({
      data: () => {},
      end: () => connection.destroy(),
      drain: () => {},
      closed: () => {
        timer.cancel();
        this.#environment.givePlaceBack(this);
      },
    });
    connection.end();
    connection.resume();
  }
}
