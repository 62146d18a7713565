import { NetworkError, type Connection, type ConnectionHandler } from './network.ts';

/**
 * Two ends of a connection inside one process, for roles that share it. Bytes are handed over without copying, in a turn of their own
 * right after the one that wrote them. Back-pressure holds as on a socket: what a paused end has not taken counts as the other's backlog.
 */
export function pipe(highWaterBytes: number = 1024 * 1024): readonly [Connection, Connection] {
  const left = new PipeEnd(highWaterBytes);
  const right = new PipeEnd(highWaterBytes);
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class PipeEnd implements Connection {
  readonly remote = 'this process';
  peer!: PipeEnd;
  readonly #highWaterBytes: number;
  #handler: ConnectionHandler | undefined;
  /** Written by the peer and not taken yet. */
  #incoming: Uint8Array[] = [];
  #incomingBytes = 0;
  #paused = false;
  #scheduled = false;
  #peerEnded = false;
  #endTold = false;
  #ended = false;
  #closed = false;
  #closedTold = false;
  #error: NetworkError | undefined;
  #owesDrain = false;

  constructor(highWaterBytes: number) {
    this.#highWaterBytes = highWaterBytes;
  }

  get backlogBytes(): number {
    return this.#closed ? 0 : this.peer.#incomingBytes;
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ended) return true;
    if (bytes.length > 0) this.peer.#take(bytes);
    if (this.backlogBytes > this.#highWaterBytes) this.#owesDrain = true;
    return !this.#owesDrain;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.#owesDrain = false;
    this.peer.#peerEnded = true;
    this.peer.#schedule();
    this.#schedule();
  }

  destroy(): void {
    this.#close(undefined);
    this.peer.#close(new NetworkError('reset', 'the other end was destroyed'));
  }

  #take(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
    this.#incomingBytes += bytes.length;
    this.#schedule();
  }

  #close(error: NetworkError | undefined): void {
    // Who destroys its end hears of no error, even if the other end was quicker.
    if (!this.#closed || error === undefined) this.#error = error;
    this.#closed = true;
    this.#incoming = [];
    this.#incomingBytes = 0;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#handler === undefined) return;
    this.#scheduled = true;
    // Not inside the call that wrote: handlers rely on that.
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#incoming.length > 0 && !this.#paused && !this.#closed) {
      const bytes = this.#incoming.shift() as Uint8Array;
      this.#incomingBytes -= bytes.length;
      // Asked anew each time: the call before may have handed the connection over.
      this.#handler?.data(bytes);
    }
    if (this.peer.#owesDrain && this.#incomingBytes === 0) this.peer.#drained();
    if (this.#peerEnded && !this.#endTold && this.#incoming.length === 0 && !this.#closed) {
      this.#endTold = true;
      this.#handler?.end();
    }
    if (this.#ended && this.#endTold) this.#closed = true;
    if (this.#closed && !this.#closedTold) {
      this.#closedTold = true;
      this.#handler?.closed(this.#error);
    }
  }

  #drained(): void {
    this.#owesDrain = false;
    if (!this.#closed) this.#handler?.drain();
  }
}
