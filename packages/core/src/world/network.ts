import type { SecuredConnection, TlsClientOptions, TlsContext, TlsMaterial, TlsServerOptions } from './tls.ts';

/** Where something listens. `host` is an IP address or a name; port 0 asks for any free port. */
export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export type NetworkErrorCode =
  | 'refused' // nobody listens there
  | 'unreachable' // no route, unknown host
  | 'reset' // the peer or the path ended the connection abruptly
  | 'timeout' // no answer to a connect in time
  | 'inUse' // the address to listen on is taken
  | 'denied' // not allowed (privileged port, socket file permissions)
  | 'limit' // out of file descriptors or ports
  | 'closed' // used after it was closed on this side
  | 'tls' // no agreement, a certificate that is not trusted, or unusable certificate files
  | 'other';

/** What a network implementation reports; `host` and `sim` translate their own errors into it. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * The receiving side of a connection. Calls never overlap, and never happen inside a call to the connection's own methods.
 */
export interface ConnectionHandler {
  /** Bytes arrived, in order, at least one. The array is valid **only during the call** (its memory is reused): copy what must be kept. */
  data(bytes: Uint8Array): void;
  /** The peer will send no more (half-close), or is gone. We may still write: to a peer that is gone this ends in `closed` with `reset`. */
  end(): void;
  /** Once after `write` answered false: the backlog is gone, write on. Not after `end` or `destroy`. */
  drain(): void;
  /**
   * The last call, exactly once, whoever closed it: after both directions have ended or after our `destroy` (undefined), or because the connection
   * broke (the error, mostly `reset`).
   */
  closed(error: NetworkError | undefined): void;
}

/**
 * A stream of bytes in both directions.
 *
 * Contract (`contract/network-contract.ts`): bytes arrive in order, without loss or duplication, in pieces of any size, or the connection is
 * closed; nothing arrives before `attach`, while paused (one piece that was under way may), or after `closed`. After our `destroy` only
 * `closed` arrives. When both ends have called `end` and everything is read, both are `closed`. Calls on a connection that is over do nothing.
 */
export interface Connection {
  /** The other end, for logs: as it was asked for by `connect`, `127.0.0.1:41234` when accepted, or the path of the socket at both ends. Ask while it is open. */
  readonly remote: string;
  /** Starts the calls to `handler`. A later attach hands the connection over: what has not been told yet goes to the new handler. */
  attach(handler: ConnectionHandler): void;
  /**
   * Sends bytes. Ownership passes to the connection: the caller must not change them until `backlogBytes` is 0, when the system has taken all, and they are
   * the caller's again. Answers false when the backlog
   * reaches the high-water mark; the bytes are taken all the same, and `drain` follows. After `end`, `destroy` or `closed` the bytes are
   * ignored and the answer is true, as no `drain` would follow.
   */
  write(bytes: Uint8Array): boolean;
  /** Bytes taken by `write` that the operating system has not accepted yet. */
  readonly backlogBytes: number;
  /** Stops `data` and `end` until `resume`, so that the peer feels back-pressure. `closed` may still come. */
  pause(): void;
  resume(): void;
  /** Sends what is written, then says that no more will come. */
  end(): void;
  /** Ends both directions at once; unsent bytes may be lost. `closed` follows in a later turn. The peer sees `end`, or `closed` with `reset`. */
  destroy(): void;
}

export interface Listener {
  /** With the real port where 0 was asked for. */
  readonly endpoint: Endpoint;
  /** Takes no new connections; the accepted ones live on. Resolves when the address is free again, also when called twice. */
  close(): Promise<void>;
}

export interface ListenOptions {
  /** Other processes listen on the same port, and the system deals the connections out among them (SO_REUSEPORT). Linux, TCP only. */
  readonly sharePort?: boolean;
}

export interface ConnectOptions {
  /** Rejects with `timeout` after this long. */
  readonly timeoutMs: number;
}

export interface Network {
  /**
   * Rejects with a NetworkError (`inUse`, `denied`, `limit`, `unreachable` for an address that is not ours, `other`). `accept` must attach a handler
   * to the connection, or secure it, in the same call; one without is destroyed. A socket file that a dead process left behind is replaced, a live one is `inUse`.
   */
  listen(endpoint: Endpoint, accept: (connection: Connection) => void, options?: ListenOptions): Promise<Listener>;
  /**
   * Rejects with a NetworkError (`refused`, also for a socket path that is not there; `unreachable`, `timeout`, `limit`, `denied`). Attach may
   * happen at any later time: the bytes wait.
   */
  connect(endpoint: Endpoint, options: ConnectOptions): Promise<Connection>;
  /** Reads certificates and keys. Throws a NetworkError (`tls`) that says which of them can not be used and why. */
  tlsContext(material: TlsMaterial): TlsContext;
  /**
   * Speaks TLS (1.2 or newer) on a connection from here on; both ends have to. The connection is taken over: its handler is not called any more, and
   * of its methods only `destroy` may still be used, which ends the handshake. May stand in for `attach` inside `accept`. Whoever calls has made
   * sure that nothing of the peer's plain bytes is left over (what came belongs into `received`), and sets the deadline.
   *
   * Rejects with a NetworkError (`tls`, or `reset` or `closed` if the connection ended in between), and the connection is destroyed. A client's
   * certificate that is not trusted is no reason: the facts tell it.
   */
  secure(connection: Connection, options: TlsServerOptions | TlsClientOptions): Promise<SecuredConnection>;
}

export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return endpoint.path;
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** `host:port`, `[v6]:port`, `:port` (any interface), or an absolute path of a Unix socket; undefined if it is none. */
export function parseEndpoint(text: string): Endpoint | undefined {
  if (text.startsWith('/')) return { kind: 'unix', path: text };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  return { kind: 'tcp', host: match[1] ?? (match[2] === '' ? '0.0.0.0' : (match[2] as string)), port };
}
