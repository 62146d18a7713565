import type { Socket } from 'node:net';
import { formatEndpoint, type Connection, type ConnectionHandler, type NetworkError } from '@multigres/core';
import { networkError } from './network-errors.ts';

/**
 * Where all connections read into, one after the other: a read and the handler's call happen in one piece, so no bytes of one connection are
 * there when another one reads. Per connection this saves Node's 64 KiB allocation for each read, and per idle connection everything.
 */
export const readBuffer: Uint8Array<ArrayBuffer> = new Uint8Array(65_536);

/** At this many unsent bytes `write` answers false. */
export const highWaterBytes = 65_536;

/** A peer that vanished without a word is noticed after this, and the system's retries (on Linux 9 of 75 s, unless set otherwise). */
export const keepAliveMs = 30_000;

const owner: unique symbol = Symbol('connection');
interface OwnedSocket extends Socket {
  [owner]?: HostConnection | undefined;
}

// The listeners are shared by all sockets and find their connection through it: closures would cost every idle connection memory.
function onEnd(this: OwnedSocket): void {
  this[owner]?.toldEnd();
}
function onDrain(this: OwnedSocket): void {
  this[owner]?.toldDrain();
}
function onError(this: OwnedSocket, error: Error): void {
  this[owner]?.toldError(error);
}
function onClose(this: OwnedSocket): void {
  this[owner]?.toldClosed();
}

function onRead(this: unknown, length: number): boolean {
  (this as OwnedSocket)[owner]?.toldRead(length);
  return true;
}

/**
 * Node's option to read into the shared buffer. It calls the callback as a method of the socket, which is not documented: where it does not,
 * the contract's tests fail at the first byte.
 */
export const onread: { readonly buffer: Uint8Array; readonly callback: (length: number) => boolean } = {
  buffer: readBuffer,
  callback: onRead,
};

/** `givenUp`: somebody else reads from the socket now. */
/** A connection of this network, as it is seen from inside. */
export interface OwnedConnection extends Connection {
  readonly isAttached: boolean;
  /** Hands the socket to TLS, paused; from here on only `destroy` has an effect. Undefined if the connection is over. */
  giveUpSocket(): Socket | undefined;
}

type State = 'open' | 'ending' | 'givenUp' | 'destroyed' | 'closed';

/** A connection on Node's socket. The `told` methods are for this file's and the listener's callbacks only. */
export class HostConnection implements OwnedConnection {
  readonly #socket: Socket;
  #handler: ConnectionHandler | undefined;
  #state: State = 'open';
  #error: NetworkError | undefined;
  /** `write` answered false and no drain was told since. */
  #waiting = false;
  #paused = false;
  #untold = false;
  #remote: string | undefined;

  /** `remote` is left out where it is the socket's address: asking for it is a system call, and most connections are never asked. */
  constructor(socket: OwnedSocket, remote?: string) {
    this.#socket = socket;
    this.#remote = remote;
    socket[owner] = this;
    socket.on('end', onEnd).on('drain', onDrain).on('error', onError).on('close', onClose);
  }

  get remote(): string {
    if (this.#remote === undefined) {
      const { remoteAddress: host, remotePort: port } = this.#socket;
      this.#remote = host === undefined ? 'closed' : formatEndpoint({ kind: 'tcp', host, port: port ?? 0 });
    }
    return this.#remote;
  }

  get isAttached(): boolean {
    return this.#handler !== undefined || this.#state === 'givenUp';
  }

  protected get isPaused(): boolean {
    return this.#paused;
  }

  giveUpSocket(): Socket | undefined {
    if (this.#state !== 'open') return undefined;
    const socket: OwnedSocket = this.#socket;
    this.#state = 'givenUp';
    this.#handler = undefined;
    socket[owner] = undefined;
    // Errors go on being listened to, as one without a listener ends the process.
    socket.off('end', onEnd).off('drain', onDrain).off('close', onClose).removeAllListeners('data').pause();
    return socket;
  }

  attach(handler: ConnectionHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (this.#untold) setImmediate(() => this.#tellClosed());
    else if (first && !this.#paused) this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    if (bytes.length > 0) {
      this.#socket.write(bytes);
      // Node answers by what it was given; what the system took at once is no backlog.
      if (this.#socket.writableLength >= highWaterBytes) this.#waiting = true;
    }
    return !this.#waiting;
  }

  get backlogBytes(): number {
    return this.#state === 'open' || this.#state === 'ending' ? this.#socket.writableLength : 0;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#handler !== undefined) this.#socket.resume();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#waiting = false;
    this.#socket.end();
  }

  destroy(): void {
    if (this.#state === 'destroyed' || this.#state === 'closed') return;
    this.#state = 'destroyed';
    this.#socket.destroy();
  }

  /** `length` bytes are in the read buffer. */
  toldRead(length: number): void {
    this.#handler?.data(readBuffer.subarray(0, length));
  }

  /** Node has allocated and read. A plain array for the handler: the slice of a Buffer is no copy. */
  toldData(bytes: Buffer): void {
    this.#handler?.data(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  toldEnd(): void {
    if (this.#state === 'open' || this.#state === 'ending') this.#handler?.end();
  }

  toldDrain(): void {
    if (!this.#waiting || this.#state !== 'open') return;
    this.#waiting = false;
    this.#handler?.drain();
  }

  toldError(error: Error): void {
    if (this.#state === 'open' || this.#state === 'ending') {
      this.#error ??= networkError(error, 'open', `connection to ${this.remote}`);
    }
  }

  toldClosed(): void {
    this.#state = 'closed';
    this.#untold = true;
    this.#tellClosed();
  }

  #tellClosed(): void {
    if (!this.#untold || !this.#handler) return;
    this.#untold = false;
    this.#handler.closed(this.#error);
  }
}
