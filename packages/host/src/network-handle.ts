import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { formatEndpoint, type ConnectionHandler, type NetworkError } from '@multigres/core';
import { highWaterBytes, keepAliveMs, readBuffer, type OwnedConnection } from './network-connection.ts';
import { networkError } from './network-errors.ts';

/** What Node's streams are made of. Not part of its documented interface: `nodeStreams` finds out whether it is there. */
export interface StreamHandle {
  onread: (this: StreamHandle) => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  shutdown(request: ShutdownRequest): number;
  close(done: () => void): void;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, seconds: number): number;
  getpeername?(into: { address?: string; port?: number }): number;
  [owner]?: HandleConnection | undefined;
}

interface WriteRequest {
  oncomplete?: (this: WriteRequest, status: number) => void;
  connection?: HandleConnection;
  /** Keeps the memory where it is until the system has taken it. */
  bytes?: Uint8Array;
}

interface ShutdownRequest {
  oncomplete?: (this: ShutdownRequest) => void;
  connection?: HandleConnection;
}

interface NodeStreams {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => ShutdownRequest;
  /** What the latest call or event was about, at the places below. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

const owner: unique symbol = Symbol('connection');

function findNodeStreams(): NodeStreams | undefined {
  try {
    const binding = Reflect.get(process, 'binding') as ((name: string) => unknown) | undefined;
    const found = binding?.call(process, 'stream_wrap') as Partial<NodeStreams> | undefined;
    const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = found ?? {};
    const isWhole =
      typeof WriteWrap === 'function' &&
      typeof ShutdownWrap === 'function' &&
      streamBaseState instanceof Int32Array &&
      typeof kReadBytesOrError === 'number' &&
      typeof kLastWriteWasAsync === 'number';
    return isWhole ? { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } : undefined;
  } catch {
    return undefined;
  }
}

const streams: NodeStreams | undefined = findNodeStreams();

/** Whether this Node lets us use the handle of an accepted connection without a socket around it. */
export const hasNodeStreams: boolean = streams !== undefined;

/** What is underneath a connected socket, which knows nothing of it any more and takes no part. */
export function takeHandle(socket: Socket): StreamHandle {
  const handle = Reflect.get(socket, '_handle') as StreamHandle;
  Reflect.set(socket, '_handle', null);
  return handle;
}

/** Of writes that the system took at once nothing is remembered, so one request serves them all. */
let spareRequest: WriteRequest | undefined;

function onRead(this: StreamHandle): void {
  const { streamBaseState, kReadBytesOrError } = streams as NodeStreams;
  this[owner]?.toldRead(streamBaseState[kReadBytesOrError] as number);
}

function onWritten(this: WriteRequest, status: number): void {
  this.connection?.toldWritten(this.bytes?.length ?? 0, status);
}

function onShutdown(this: ShutdownRequest): void {
  this.connection?.toldShutdown();
}

type State = 'open' | 'ending' | 'destroyed' | 'closed' | 'givenUp';

/**
 * An accepted connection on Node's handle alone: a socket of Node's around it would cost an idle client more memory than everything that we know of it. The
 * contract's tests run on both.
 */
export class HandleConnection implements OwnedConnection {
  readonly #handle: StreamHandle;
  #handler: ConnectionHandler | undefined;
  #state: State = 'open';
  #error: NetworkError | undefined;
  #backlogBytes = 0;
  #waiting = false;
  #paused = false;
  #reading = false;
  #readEnded = false;
  #shutDone = false;
  #untold = false;
  #remote: string | undefined;
  /** What TLS was given. */
  #givenUp: Socket | undefined;

  constructor(handle: StreamHandle, remote: string | undefined) {
    this.#handle = handle;
    this.#remote = remote;
    handle[owner] = this;
    handle.useUserBuffer(readBuffer);
    handle.onread = onRead;
    handle.setNoDelay?.(true);
    handle.setKeepAlive?.(true, keepAliveMs / 1000);
  }

  get remote(): string {
    if (this.#remote === undefined) {
      const peer: { address?: string; port?: number } = {};
      this.#handle.getpeername?.(peer);
      this.#remote =
        peer.address === undefined
          ? 'closed'
          : formatEndpoint({ kind: 'tcp', host: peer.address, port: peer.port ?? 0 });
    }
    return this.#remote;
  }

  get isAttached(): boolean {
    return this.#handler !== undefined || this.#state === 'givenUp';
  }

  giveUpSocket(): Socket | undefined {
    if (this.#state !== 'open') return undefined;
    this.#stopReading();
    this.#state = 'givenUp';
    this.#handler = undefined;
    this.#handle[owner] = undefined;
    // The handle is what Node itself would put into its socket; the types know only of the documented kinds.
    const options = { handle: this.#handle as never, allowHalfOpen: true, writableHighWaterMark: highWaterBytes };
    this.#givenUp = new Socket(options).pause();
    return this.#givenUp;
  }

  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#untold) setImmediate(() => this.#tellClosed());
    else this.#startReading();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return true;
    if (bytes.length > 0) this.#write(bytes);
    return !this.#waiting;
  }

  get backlogBytes(): number {
    return this.#state === 'open' || this.#state === 'ending' ? this.#backlogBytes : 0;
  }

  pause(): void {
    this.#paused = true;
    this.#stopReading();
  }

  resume(): void {
    this.#paused = false;
    this.#startReading();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#waiting = false;
    const { ShutdownWrap } = streams as NodeStreams;
    const request = new ShutdownWrap();
    request.connection = this;
    request.oncomplete = onShutdown;
    // Not connected any more: then nobody is there to be told.
    if (this.#handle.shutdown(request) !== 0) setImmediate(() => this.toldShutdown());
  }

  destroy(): void {
    this.#givenUp?.destroy();
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    this.#state = 'destroyed';
    this.#close();
  }

  /** `length` bytes are in the read buffer, or it is an error. */
  toldRead(length: number): void {
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    if (length > 0) this.#handler?.data(readBuffer.subarray(0, length));
    else if (length < 0) this.#readFailed(length);
  }

  toldWritten(bytes: number, status: number): void {
    this.#backlogBytes -= bytes;
    if (status < 0) return this.#fail(status);
    if (!this.#waiting || this.#backlogBytes > 0 || this.#state !== 'open') return;
    this.#waiting = false;
    this.#handler?.drain();
  }

  toldShutdown(): void {
    this.#shutDone = true;
    this.#closeIfEnded();
  }

  #write(bytes: Uint8Array): void {
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = streams as NodeStreams;
    const request = spareRequest ?? new WriteWrap();
    spareRequest = undefined;
    const status = this.#handle.writeBuffer(request, bytes);
    if (status !== 0) return void setImmediate(() => this.#fail(status));
    if (streamBaseState[kLastWriteWasAsync] === 0) {
      spareRequest = request;
      return;
    }
    request.connection = this;
    request.bytes = bytes;
    request.oncomplete = onWritten;
    this.#backlogBytes += bytes.length;
    if (this.#backlogBytes >= highWaterBytes) this.#waiting = true;
  }

  #startReading(): void {
    if (this.#reading || this.#paused || this.#readEnded || this.#handler === undefined) return;
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    this.#reading = true;
    const status = this.#handle.readStart();
    if (status !== 0) setImmediate(() => this.#fail(status));
  }

  #stopReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  #readFailed(status: number): void {
    this.#stopReading();
    if (getSystemErrorName(status) !== 'EOF') return this.#fail(status);
    this.#readEnded = true;
    this.#handler?.end();
    this.#closeIfEnded();
  }

  #fail(status: number): void {
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    const code = getSystemErrorName(status);
    this.#error = networkError(Object.assign(new Error(code), { code }), 'open', `connection to ${this.remote}`);
    this.#state = 'destroyed';
    this.#close();
  }

  #closeIfEnded(): void {
    if (!this.#readEnded || !this.#shutDone || this.#state !== 'ending') return;
    this.#state = 'destroyed';
    this.#close();
  }

  #close(): void {
    this.#handle.close(() => {
      this.#state = 'closed';
      this.#untold = true;
      this.#tellClosed();
    });
  }

  #tellClosed(): void {
    if (!this.#untold || !this.#handler) return;
    this.#untold = false;
    this.#handler.closed(this.#error);
  }
}
