import { lstat, rename, unlink } from 'node:fs/promises';
import { createServer, Socket, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import {
  assert,
  formatEndpoint,
  NetworkError,
  type Clock,
  type Connection,
  type ConnectOptions,
  type Endpoint,
  type Listener,
  type ListenOptions,
  type Network,
  type SecuredConnection,
  type TlsClientOptions,
  type TlsContext,
  type TlsMaterial,
  type TlsServerOptions,
} from '@multigres/core';
import { acceptByEvents, acceptByHandle, type OnAccepted } from './network-accept.ts';
import { HostConnection, highWaterBytes, keepAliveMs, onread, type OwnedConnection } from './network-connection.ts';
import { networkError } from './network-errors.ts';
import { HandleConnection, hasNodeStreams, takeHandle } from './network-handle.ts';
import { HostTlsContext, startTls } from './network-tls.ts';

/** The system cuts it to its own limit (on Linux `net.core.somaxconn`, 4096). Small queues lose connects when many clients start at once. */
const acceptQueue = 4096;

/** How long a socket file's owner may take to answer before it counts as alive. */
const probeTimeoutMs = 2000;

/** The longest path of a Unix socket (sun_path of unix(7), with its terminating zero). */
const socketPathBytesMax = 107;

/** The TCP and Unix sockets of this machine. */
export class HostNetwork implements Network {
  readonly #clock: Clock;
  readonly #documentedOnly: boolean;
  #asides = 0;

  /** `documentedOnly` keeps to Node's documented interface, which costs memory and time per accepted connection. */
  constructor(clock: Clock, options: { readonly documentedOnly?: boolean } = {}) {
    this.#clock = clock;
    this.#documentedOnly = options.documentedOnly ?? false;
  }

  async listen(
    endpoint: Endpoint,
    accept: (connection: Connection) => void,
    options: ListenOptions = {},
  ): Promise<Listener> {
    checkPath(endpoint, 'listen on');
    checkSharing(endpoint, options);
    try {
      return await this.#open(endpoint, accept, options);
    } catch (error) {
      const inUse = error instanceof NetworkError && error.code === 'inUse';
      if (!inUse || endpoint.kind !== 'unix' || !(await this.#removeDead(endpoint.path))) throw error;
      return this.#open(endpoint, accept, options);
    }
  }

  connect(endpoint: Endpoint, options: ConnectOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      checkPath(endpoint, 'connect to');
      const what = `connect to ${formatEndpoint(endpoint)}`;
      const { socket, connection } = dial(endpoint);
      const fail = (error: NetworkError): void => {
        timer.cancel();
        reject(error);
        connection.destroy();
      };
      const onFailed = (error: Error): void => fail(networkError(error, 'connect', what));
      const timer = this.#clock.after(options.timeoutMs, () => {
        fail(new NetworkError('timeout', `${what}: no answer in ${options.timeoutMs} ms`));
      });
      socket.once('error', onFailed).once('connect', () => {
        timer.cancel();
        socket.off('error', onFailed);
        if (isOwnEcho(socket)) fail(new NetworkError('refused', `${what}: nobody listens there`));
        else resolve(this.#documentedOnly ? connection : withoutSocket(connection));
      });
    });
  }

  tlsContext(material: TlsMaterial): TlsContext {
    return new HostTlsContext(material);
  }

  secure(connection: Connection, options: TlsServerOptions | TlsClientOptions): Promise<SecuredConnection> {
    assert('giveUpSocket' in connection, 'the connection comes from this network');
    return startTls(connection as OwnedConnection, options);
  }

  #open(endpoint: Endpoint, accept: (connection: Connection) => void, options: ListenOptions): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const what = `listen on ${formatEndpoint(endpoint)}`;
      const server = createServer({ allowHalfOpen: true, highWaterMark: highWaterBytes, pauseOnConnect: true });
      const onFailed = (error: Error): void => void explain(error, endpoint, what).then(reject);
      server
        .once('error', onFailed)
        .listen({ ...addressOf(endpoint), backlog: acceptQueue, reusePort: options.sharePort === true }, () => {
          server.off('error', onFailed);
          // Errors of single connects, such as being out of file descriptors, do not end a listener.
          server.on('error', () => undefined);
          const remote = endpoint.kind === 'unix' ? endpoint.path : undefined;
          const onAccepted = orDestroyed(accept);
          if (this.#documentedOnly || !acceptByHandle(server, remote, onAccepted)) {
            acceptByEvents(server, remote, onAccepted);
          }
          resolve(new HostListener(server, boundTo(endpoint, server)));
        });
    });
  }

  /**
   * Removes the socket file of a process that has died, and says whether the path is free now. The file is first moved aside and asked again
   * there: of two processes that start at once, the second must not remove what the first has just opened.
   */
  async #removeDead(path: string): Promise<boolean> {
    const found = await lstat(path).catch(() => undefined);
    if (!found) return true;
    if (!found.isSocket() || !(await this.#isDead(path))) return false;
    this.#asides += 1;
    // Short, because socket paths have a limit.
    const aside = join(dirname(path), `.${process.pid}.${this.#asides}`);
    const isMoved = await rename(path, aside).then(
      () => true,
      () => false,
    );
    // Somebody else is about to take the path.
    if (!isMoved) return false;
    if (!(await this.#isDead(aside))) {
      await rename(aside, path).catch(() => undefined);
      return false;
    }
    await unlink(aside).catch(() => undefined);
    return true;
  }

  async #isDead(path: string): Promise<boolean> {
    try {
      const connection = await this.connect({ kind: 'unix', path }, { timeoutMs: probeTimeoutMs });
      connection.destroy();
      return false;
    } catch (error) {
      return error instanceof NetworkError && error.code === 'refused';
    }
  }
}

/** Destroys what `accept` did not attach to. */
function orDestroyed(accept: (connection: Connection) => void): OnAccepted {
  return (connection) => {
    accept(connection);
    if (!connection.isAttached) connection.destroy();
  };
}

class HostListener implements Listener {
  readonly endpoint: Endpoint;
  readonly #server: Server;

  constructor(server: Server, endpoint: Endpoint) {
    this.#server = server;
    this.endpoint = endpoint;
  }

  /** Node's own callback would wait for the accepted connections; the address is free as soon as the handle is closed, which is at once. */
  close(): Promise<void> {
    this.#server.close();
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** A socket that is connecting, paused until its connection is attached. */
function dial(endpoint: Endpoint): { readonly socket: Socket; readonly connection: HostConnection } {
  const tuning = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs };
  const flow = { allowHalfOpen: true, writableHighWaterMark: highWaterBytes };
  const socket = new Socket({ ...flow, ...(endpoint.kind === 'tcp' ? tuning : {}), onread });
  const connection = new HostConnection(socket, formatEndpoint(endpoint));
  socket.pause();
  socket.connect(addressOf(endpoint));
  return { socket, connection };
}

/** The connection on the handle alone, where this Node lets us. */
function withoutSocket(connection: HostConnection): Connection {
  const { remote } = connection;
  const socket = hasNodeStreams ? connection.giveUpSocket() : undefined;
  const handle = socket && takeHandle(socket);
  return handle === undefined ? connection : new HandleConnection(handle, remote);
}

function addressOf(endpoint: Endpoint): { host: string; port: number } | { path: string } {
  return endpoint.kind === 'tcp' ? { host: endpoint.host, port: endpoint.port } : { path: endpoint.path };
}

function boundTo(endpoint: Endpoint, server: Server): Endpoint {
  const address = server.address();
  const isTcp = endpoint.kind === 'tcp' && address !== null && typeof address === 'object';
  return isTcp ? { ...endpoint, port: address.port } : endpoint;
}

/** Node says "permission denied" of a socket path whose directory does not exist (libuv, uv_pipe_bind). */
async function explain(error: Error, endpoint: Endpoint, what: string): Promise<NetworkError> {
  const translated = networkError(error, 'listen', what);
  if (endpoint.kind !== 'unix' || translated.code !== 'denied') return translated;
  const isThere = await lstat(dirname(endpoint.path)).then(
    () => true,
    () => false,
  );
  return isThere ? translated : new NetworkError('other', `${what}: the directory does not exist`, error);
}

function checkSharing(endpoint: Endpoint, { sharePort }: ListenOptions): void {
  if (sharePort !== true || (endpoint.kind === 'tcp' && process.platform === 'linux')) return;
  const why =
    endpoint.kind === 'tcp' ? 'only Linux deals connections out among processes' : 'a Unix socket has one owner';
  throw new NetworkError('other', `listen on ${formatEndpoint(endpoint)}: several processes cannot, ${why}`);
}

function checkPath(endpoint: Endpoint, what: string): void {
  if (endpoint.kind !== 'unix' || Buffer.byteLength(endpoint.path) <= socketPathBytesMax) return;
  throw new NetworkError('other', `${what} ${endpoint.path}: the path is longer than ${socketPathBytesMax} bytes`);
}

/**
 * A connect to a free port of our own machine may be given that very port as its source, and then TCP connects it to itself (RFC 9293, 3.5,
 * "simultaneous open"). Whoever polls a server that is down would in the end talk to itself.
 */
export function isOwnEcho(socket: Socket): boolean {
  return (
    socket.localPort !== undefined &&
    socket.localPort === socket.remotePort &&
    socket.localAddress === socket.remoteAddress
  );
}
