import type { Connection } from './network.ts';

/** What an end of TLS brings along, as the content of PEM files. */
export interface TlsMaterial {
  /** Our certificate, followed by those between it and the authority. Needed by a server; a client shows it when it is asked. */
  readonly certificate?: Uint8Array;
  /** The private key of `certificate`, without a passphrase. */
  readonly key?: Uint8Array;
  /** Who may have issued the other end's certificate. A server with authorities asks its clients for theirs. */
  readonly authorities?: Uint8Array;
}

/** Material that has been read and checked, to be used for any number of connections. Only the network that made it can use it. */
export interface TlsContext {
  /** Our own certificate (DER), if there is one. */
  readonly certificate: Uint8Array | undefined;
}

export interface TlsServerOptions {
  readonly kind: 'server';
  /** With a certificate and its key. */
  readonly context: TlsContext;
  /** Application protocols that we speak (RFC 7301). A client that offers only others is refused; one that offers none is not. */
  readonly alpn: readonly string[];
  /** What was already read of the client's part of the handshake, where it began without asking. */
  readonly received?: Uint8Array;
}

export interface TlsClientOptions {
  readonly kind: 'client';
  readonly context: TlsContext;
  /** Host name or IP address: told to the server (RFC 6066; names only), and held against its certificate. */
  readonly serverName: string;
  /** What the server's certificate must show: nothing, an issuer that we trust, or also the name. */
  readonly verify: 'none' | 'chain' | 'name';
  readonly alpn: readonly string[];
}

/** The certificate that a client showed, after it has proven that it holds its key. */
export interface ClientCertificate {
  readonly commonName: string | undefined;
  /** As in RFC 2253: the most specific part first, `CN=joe,O=Example`. */
  readonly distinguishedName: string;
  /** Whether an authority of ours has issued it and it is valid now. If not, `problem` says why. */
  readonly verified: boolean;
  readonly problem: string | undefined;
}

/** What was agreed on. */
export interface TlsFacts {
  /** `TLSv1.2` or `TLSv1.3`; older ones are refused. */
  readonly protocol: string;
  readonly cipher: string;
  readonly alpn: string | undefined;
  /** The server's certificate (DER), as both ends have seen it: what channel binding `tls-server-end-point` (RFC 5929) is about. */
  readonly serverCertificate: Uint8Array | undefined;
  /** At the server only: undefined if it did not ask or the client has none. */
  readonly clientCertificate: ClientCertificate | undefined;
}

export interface SecuredConnection {
  /** Takes the place of the plain one. Nothing of it is told before `attach`. */
  readonly connection: Connection;
  readonly facts: TlsFacts;
}
