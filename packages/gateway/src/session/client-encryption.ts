import {
  assert,
  type Connection,
  type Network,
  type PgError,
  type SecuredConnection,
  type TlsFacts,
} from '@multigres/core';
import { tlsServerEndPoint } from '@multigres/pgwire';
import { hostOf } from '../auth/hba/match-hba.ts';
import type { LoginFacts } from '../auth/authenticator.ts';
import type { GatewayTls } from '../config.ts';
import { certificateRequired, noHbaEntry } from '../errors.ts';

/** The application protocol (ALPN) of PostgreSQL 17, without which a client may not begin with TLS. */
const postgresAlpn = 'postgresql';

/** What a TLS record of a handshake begins with. No startup packet does: it would be a length of more than 300 MB. */
const handshakeRecord = 0x16;

/** What a gateway needs to speak TLS with its clients. */
export interface ClientEncryption {
  readonly network: Network;
  /** Undefined: there is none. */
  readonly tls: GatewayTls | undefined;
}

/** Whether a client on this connection may have TLS. On Unix sockets, as in PostgreSQL, there is none. */
export function offersTls({ tls }: ClientEncryption, connection: Connection): boolean {
  return tls !== undefined && !isLocal(connection);
}

export function beginsWithTls(bytes: Uint8Array): boolean {
  return bytes[0] === handshakeRecord;
}

/** The server's side of the handshake. `received`: what was read of it already. Rejects with a NetworkError. */
export function secureClient(
  { network, tls }: ClientEncryption,
  connection: Connection,
  received: Uint8Array,
): Promise<SecuredConnection> {
  assert(tls !== undefined, 'TLS is begun only where it is offered');
  return network.secure(connection, { kind: 'server', context: tls.context(), alpn: [postgresAlpn], received });
}

/** PostgreSQL's rule for TLS without an SSLRequest: the client must have named the protocol, or it might mean another server. */
export function mayBeDirect(facts: TlsFacts): boolean {
  return facts.alpn === postgresAlpn;
}

/** Why the way that the client came is not good enough; undefined if it is. */
export function encryptionTrouble(
  { tls }: ClientEncryption,
  connection: Connection,
  facts: LoginFacts,
): PgError | undefined {
  if (tls?.mode === 'require' && !facts.encrypted && !isLocal(connection))
    return noHbaEntry(hostOf(facts.remote), facts);
  // PostgreSQL breaks off the handshake; what TLS could tell the client then is less than this.
  if (facts.certificate?.verified === false) return certificateRequired(facts.certificate.problem);
  return undefined;
}

function isLocal(connection: Connection): boolean {
  return connection.remote.startsWith('/');
}

let lastCertificate: Uint8Array | undefined;
let lastEndPoint: Uint8Array | undefined;

/** The same certificate is asked about with each login. */
export function endPointOf({ serverCertificate }: TlsFacts): Uint8Array | undefined {
  if (serverCertificate === undefined) return undefined;
  if (serverCertificate !== lastCertificate) {
    lastCertificate = serverCertificate;
    lastEndPoint = tlsServerEndPoint(serverCertificate);
  }
  return lastEndPoint;
}
