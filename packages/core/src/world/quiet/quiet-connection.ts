import { assert } from '../../base/assert.ts';
import { NetworkError, type Connection, type ConnectionHandler } from '../network.ts';
import type { Kernel } from './kernel.ts';

/** What the "operating system" of a quiet world takes before a connection has a backlog, and the backlog at which write answers false. */
const windowBytes = 65_536;
const highWaterBytes = 65_536;
const pieceBytesMax = 16_384;

/** The one receive buffer: overwritten after each call, as the contract allows, so that code which keeps it is caught. */
const shared = new Uint8Array(pieceBytesMax);

/** One end of a connection in memory. Its unread bytes lie at the sender, in `#outbox`. */
export class QuietConnection implements Connection {
  readonly remote: string;
  readonly #kernel: Kernel;
  #peer: QuietConnection | undefined;
  #handler: ConnectionHandler | undefined;
  #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #paused = false;
  /** `write` answered false and no drain was told since. */
  #waiting = false;
  #deliverySoon = false;
  /** `end` was called, or `destroy`: nothing more is taken. */
  #ending = false;
  /** The handler was told `end`. */
  #toldEnd = false;
  /** Destroyed, reset, or ended both ways: only `closed` is left to tell. */
  #over = false;
  #untold: { readonly error: NetworkError | undefined } | undefined;

  constructor(kernel: Kernel, remote: string) {
    this.#kernel = kernel;
    this.remote = remote;
  }

  static pair(kernel: Kernel, nearRemote: string, farRemote: string): readonly [QuietConnection, QuietConnection] {
    const near = new QuietConnection(kernel, nearRemote);
    const far = new QuietConnection(kernel, farRemote);
    near.#peer = far;
    far.#peer = near;
    return [near, far];
  }

  get isAttached(): boolean {
    return this.#handler !== undefined;
  }

  get backlogBytes(): number {
    return this.#over ? 0 : Math.max(0, this.#outboxBytes - windowBytes);
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#untold) this.#kernel.post(() => this.#tellClosed());
    this.#wake();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#ending || this.#over) return true;
    if (bytes.length === 0) return !this.#waiting;
    if (this.#other.#over) {
      this.#kernel.post(() => this.#reset());
      return true;
    }
    // Once there is no backlog the array is the caller's again, although up to a window of it may still be on the way.
    this.#outbox.push(bytes.slice());
    this.#outboxBytes += bytes.length;
    this.#other.#wake();
    if (this.backlogBytes >= highWaterBytes) this.#waiting = true;
    return !this.#waiting;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  end(): void {
    if (this.#ending || this.#over) return;
    this.#ending = true;
    this.#waiting = false;
    this.#other.#wake();
    this.#kernel.post(() => this.#closeIfEnded());
  }

  destroy(): void {
    if (this.#over) return;
    this.#close(undefined);
    this.#ending = true;
    const other = this.#other;
    // What the other end sent is lost, which it learns; with nothing lost it sees our bytes and then the end.
    if (other.#outboxBytes > 0) this.#kernel.post(() => other.#reset());
    else other.#wake();
    this.#kernel.post(() => other.#closeIfEnded());
  }

  get #other(): QuietConnection {
    assert(this.#peer !== undefined, 'connections are made in pairs');
    return this.#peer;
  }

  get #hasInput(): boolean {
    return this.#other.#outboxBytes > 0 || (this.#other.#ending && !this.#toldEnd);
  }

  #wake(): void {
    if (this.#deliverySoon || this.#over || this.#paused || !this.#handler || !this.#hasInput) return;
    this.#deliverySoon = true;
    this.#kernel.post(() => this.#deliver());
  }

  #deliver(): void {
    this.#deliverySoon = false;
    if (this.#over || this.#paused || !this.#handler || !this.#hasInput) return;
    if (this.#other.#outboxBytes > 0) {
      const length = this.#other.#take();
      this.#handler.data(shared.subarray(0, length));
      shared.fill(0xdd);
    } else {
      this.#toldEnd = true;
      this.#handler.end();
      this.#kernel.post(() => this.#closeIfEnded());
      this.#kernel.post(() => this.#other.#closeIfEnded());
    }
    this.#wake();
  }

  /** Moves the next piece into the shared buffer and answers its length. */
  #take(): number {
    const first = this.#outbox[0] as Uint8Array;
    const piece = first.subarray(0, pieceBytesMax);
    shared.set(piece);
    if (piece.length === first.length) this.#outbox.shift();
    else this.#outbox[0] = first.subarray(piece.length);
    this.#outboxBytes -= piece.length;
    if (this.#waiting && this.backlogBytes === 0) this.#kernel.post(() => this.#tellDrain());
    return piece.length;
  }

  #tellDrain(): void {
    // Several may be on their way; and the handler may have filled the backlog again since this one was posted.
    if (this.#over || !this.#waiting || this.backlogBytes > 0) return;
    this.#waiting = false;
    this.#handler?.drain();
  }

  #closeIfEnded(): void {
    if (this.#over || !this.#toldEnd || !this.#ending) return;
    if (this.#other.#toldEnd || this.#other.#over) this.#close(undefined);
  }

  #reset(): void {
    if (!this.#over) this.#close(new NetworkError('reset', 'connection reset by peer'));
  }

  #close(error: NetworkError | undefined): void {
    this.#over = true;
    if (error) this.#dropOutbox();
    this.#untold = { error };
    this.#kernel.post(() => this.#tellClosed());
  }

  #dropOutbox(): void {
    this.#outbox = [];
    this.#outboxBytes = 0;
  }

  #tellClosed(): void {
    if (!this.#untold || !this.#handler) return;
    const { error } = this.#untold;
    this.#untold = undefined;
    this.#handler.closed(error);
  }
}
