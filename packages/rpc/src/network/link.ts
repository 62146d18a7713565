import { concat, NetworkError, type Clock, type Connection, type Timer } from '@multigres/core';
import { encodeFrame, frameKind, FrameReader, type Frame, type FrameKind } from './frame.ts';

export interface LinkLimits {
  /** Largest body of a frame. */
  readonly messageBytesMax: number;
  /** While calls are open: after silence of this length comes a ping, and its silence for twice as long ends the connection. */
  readonly keepaliveMs: number;
}

export interface LinkHandler {
  frame(frame: Frame): void;
  /** Once, when the connection is gone; nothing else follows. */
  closed(error: NetworkError | undefined): void;
}

/** A connection that speaks frames: one write per turn, and a peer that has gone without a word is noticed. */
export class Link {
  readonly remote: string;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #limits: LinkLimits;
  readonly #handler: LinkHandler;
  #outgoing: Uint8Array[] = [];
  #heardAtMs: number;
  /** A ping was sent then, and nothing has been heard since. */
  #pingedAtMs: number | undefined;
  #timer: Timer | undefined;
  #watching = false;
  #closed = false;
  #why: NetworkError | undefined;

  constructor(connection: Connection, clock: Clock, limits: LinkLimits, handler: LinkHandler) {
    this.remote = connection.remote;
    this.#connection = connection;
    this.#clock = clock;
    this.#limits = limits;
    this.#handler = handler;
    this.#heardAtMs = clock.nowMs();
    const reader = new FrameReader(limits.messageBytesMax + 1024);
    connection.attach({
      data: (bytes) => this.#data(reader, bytes),
      end: () => this.destroy(),
      drain: () => {},
      closed: (error) => this.#onClosed(error),
    });
  }

  /** Bytes that wait in this link and in its connection. */
  get backlogBytes(): number {
    let bytes = this.#connection.backlogBytes;
    for (const part of this.#outgoing) bytes += part.length;
    return bytes;
  }

  send(kind: FrameKind, call: number, body?: Uint8Array): void {
    if (this.#closed) return;
    this.#outgoing.push(encodeFrame(kind, call, body));
    if (this.#outgoing.length === 1) this.#clock.soon(() => this.#flush());
  }

  /** Says whether somebody waits for this peer: only then is its silence a reason to give it up. */
  watch(busy: boolean): void {
    if (this.#watching === busy || this.#closed) return;
    this.#watching = busy;
    // A ping that is still unanswered keeps the timer, else short calls to a dead peer would each start its time anew.
    if (!busy) return;
    if (this.#timer !== undefined) return;
    this.#heardAtMs = this.#clock.nowMs();
    this.#arm();
  }

  /** A call went unanswered: asks at once whether the peer is there at all. */
  suspect(): void {
    if (this.#closed || this.#pingedAtMs !== undefined) return;
    this.#ping();
    if (this.#timer === undefined) this.#arm();
  }

  /** Sends what waits, then ends the connection. */
  end(): void {
    this.#flush();
    this.#connection.end();
  }

  destroy(why?: NetworkError): void {
    if (this.#closed) return;
    this.#why ??= why;
    this.#connection.destroy();
  }

  #arm(): void {
    this.#timer = this.#clock.after(this.#limits.keepaliveMs, () => {
      this.#timer = undefined;
      const nowMs = this.#clock.nowMs();
      if (this.#pingedAtMs !== undefined && nowMs - this.#pingedAtMs >= 2 * this.#limits.keepaliveMs) {
        this.destroy(new NetworkError('timeout', `${this.remote} has fallen silent`));
        return;
      }
      if (!this.#watching && this.#pingedAtMs === undefined) return;
      if (this.#pingedAtMs === undefined && nowMs - this.#heardAtMs >= this.#limits.keepaliveMs) this.#ping();
      this.#arm();
    });
  }

  #ping(): void {
    this.#pingedAtMs = this.#clock.nowMs();
    this.send(frameKind.ping, 0);
  }

  #data(reader: FrameReader, bytes: Uint8Array): void {
    this.#heardAtMs = this.#clock.nowMs();
    this.#pingedAtMs = undefined;
    const { frames, malformed } = reader.push(bytes);
    for (const frame of frames) {
      if (this.#closed || this.#why !== undefined) return;
      if (frame.kind === frameKind.ping) this.send(frameKind.pong, 0);
      else if (frame.kind !== frameKind.pong) this.#handler.frame(frame);
    }
    if (malformed !== undefined)
      this.destroy(new NetworkError('other', `malformed frame from ${this.remote}: ${malformed}`));
  }

  #flush(): void {
    if (this.#outgoing.length === 0 || this.#closed) return;
    const parts = this.#outgoing;
    this.#outgoing = [];
    this.#connection.write(concat(parts));
  }

  #onClosed(error: NetworkError | undefined): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#outgoing = [];
    this.#handler.closed(this.#why ?? error);
  }
}
