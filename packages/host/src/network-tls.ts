import { constants, X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import {
  assert,
  NetworkError,
  type ClientCertificate,
  type SecuredConnection,
  type TlsClientOptions,
  type TlsContext,
  type TlsFacts,
  type TlsMaterial,
  type TlsServerOptions,
} from '@multigres/core';
import { EncryptedConnection } from './network-encrypted.ts';
import type { OwnedConnection } from './network-connection.ts';
import { networkError } from './network-errors.ts';

/** A read certificate, key and list of authorities: OpenSSL's context, to be shared by all connections. */
export class HostTlsContext implements TlsContext {
  readonly certificate: Uint8Array | undefined;
  readonly secureContext: SecureContext;
  /** A server with authorities asks its clients for certificates. */
  readonly asksClients: boolean;

  constructor(material: TlsMaterial) {
    const { certificate, key, authorities } = material;
    if ((certificate === undefined) !== (key === undefined))
      throw new NetworkError('tls', 'a certificate and its key belong together');
    this.asksClients = authorities !== undefined;
    try {
      this.certificate = certificate && plain(new X509Certificate(certificate).raw);
      this.secureContext = createSecureContext({
        minVersion: 'TLSv1.2',
        // As in PostgreSQL: sessions are not resumed, so each connection proves its certificate anew.
        secureOptions: constants.SSL_OP_NO_TICKET,
        ...(certificate && key && { cert: Buffer.from(certificate), key: Buffer.from(key) }),
        // Nobody is trusted unless somebody said so; left out, Node would trust the whole web.
        ca: authorities === undefined ? [] : certificatesIn(authorities),
      });
    } catch (error) {
      if (error instanceof NetworkError) throw error;
      throw new NetworkError('tls', `unusable certificate, key or authorities: ${(error as Error).message}`, error);
    }
  }
}

/** OpenSSL passes over what is no certificate; a file without one is a mistake. */
function certificatesIn(authorities: Uint8Array): string[] {
  const found = Buffer.from(authorities)
    .toString()
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (found === null) throw new NetworkError('tls', 'there is no certificate among the authorities');
  return found.map((pem) => new X509Certificate(pem).toString());
}

/** Puts TLS on a connection, and resolves when the handshake is done. Rejects with a NetworkError; the connection is destroyed then. */
export function startTls(
  connection: OwnedConnection,
  options: TlsServerOptions | TlsClientOptions,
): Promise<SecuredConnection> {
  const { context } = options;
  assert(context instanceof HostTlsContext, 'the context comes from this network');
  const { remote } = connection;
  return new Promise((resolve, reject) => {
    const socket = connection.giveUpSocket();
    if (socket === undefined) return reject(new NetworkError('closed', 'the connection is closed already'));
    const secured =
      options.kind === 'server' ? serverSocket(socket, context, options) : clientSocket(socket, context, options);
    const fail = (error: NetworkError): void => {
      reject(error);
      secured.destroy();
    };
    const onError = (error: Error): void => fail(networkError(error, 'secure', 'TLS handshake'));
    const onClose = (): void => fail(new NetworkError('closed', 'the connection ended before TLS was established'));
    const onEnd = (): void => fail(new NetworkError('reset', 'the connection ended before TLS was established'));
    secured.on('error', onError).on('close', onClose).on('end', onEnd);
    secured.once(options.kind === 'server' ? 'secure' : 'secureConnect', () => {
      secured.pause();
      secured.off('error', onError).off('close', onClose).off('end', onEnd);
      const encrypted = new EncryptedConnection(secured, remote);
      secured.on('data', (bytes: Buffer) => encrypted.toldData(bytes));
      resolve({ connection: encrypted, facts: factsOf(secured, context, options) });
    });
    return undefined;
  });
}

function serverSocket(socket: Socket, context: HostTlsContext, options: TlsServerOptions): TLSSocket {
  const { received, alpn } = options;
  // What was read already goes back to where TLS reads; a copy, as the memory is shared.
  if (received !== undefined && received.length > 0) socket.unshift(Buffer.from(received));
  return new TLSSocket(socket, {
    isServer: true,
    secureContext: context.secureContext,
    requestCert: context.asksClients,
    rejectUnauthorized: false,
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
  });
}

function clientSocket(socket: Socket, context: HostTlsContext, options: TlsClientOptions): TLSSocket {
  const { serverName, verify, alpn } = options;
  return connect({
    socket,
    secureContext: context.secureContext,
    host: serverName,
    ...(isIP(serverName) === 0 && { servername: serverName }),
    rejectUnauthorized: verify !== 'none',
    checkServerIdentity: verify === 'name' ? (_, certificate) => checkServerIdentity(serverName, certificate) : ignore,
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
  });
}

const ignore = (): undefined => undefined;

function factsOf(socket: TLSSocket, context: HostTlsContext, options: TlsServerOptions | TlsClientOptions): TlsFacts {
  const isServer = options.kind === 'server';
  const peer = socket.getPeerX509Certificate();
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    serverCertificate: isServer ? context.certificate : peer && plain(peer.raw),
    clientCertificate: isServer && peer !== undefined ? clientCertificate(peer, verifyProblem(socket)) : undefined,
  };
}

/**
 * What OpenSSL thinks of the client's certificate, where Node leaves the judgement to its own server. It is asked the way that this does it, which is
 * not documented: where that does not work, nobody is verified, and the contract's tests fail.
 */
function verifyProblem(socket: TLSSocket): string | undefined {
  const ssl: unknown = Reflect.get(socket, '_handle');
  const ask: unknown = typeof ssl === 'object' && ssl !== null ? Reflect.get(ssl, 'verifyError') : undefined;
  if (typeof ask !== 'function') return 'certificates of clients can not be verified by this Node';
  const error: unknown = Reflect.apply(ask, ssl, []);
  return error instanceof Error ? error.message : undefined;
}

function clientCertificate(certificate: X509Certificate, problem: string | undefined): ClientCertificate {
  const name: unknown = certificate.toLegacyObject().subject?.CN;
  const commonName = Array.isArray(name) ? (name[0] as unknown) : name;
  // PostgreSQL refuses such names: what reads them as text ends at the zero.
  const hasZero = certificate.subject?.includes('\0') || (typeof commonName === 'string' && commonName.includes('\0'));
  const found = hasZero ? 'the name in the certificate contains a zero byte' : problem;
  return {
    commonName: typeof commonName === 'string' && !hasZero ? commonName : undefined,
    distinguishedName: distinguishedName(certificate.subject ?? ''),
    verified: found === undefined,
    problem: found,
  };
}

/** Node writes a part per line, the most general first. */
function distinguishedName(subject: string): string {
  return subject.split('\n').toReversed().join(',').replaceAll(' + ', '+');
}

/** A plain array that shares no memory with Node's pool. */
function plain(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}
