import {
  NetworkError,
  type Clock,
  type Connection,
  type ConnectOptions,
  type Log,
  type Network,
  type TlsContext,
} from '@multigres/core';

/** Certificate, key and authorities of one end of a link; asked anew for each connection. */
export interface RelayTls {
  context(): TlsContext;
}

/** What a link's end needs besides the network. */
interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** The application protocol (ALPN) of links, so that nothing else that trusts the same authority is taken for one. */
const relayAlpn = 'multigres-relay';

/** From the connection to the end of the handshake. */
const handshakeMs = 5_000;

/**
 * A network whose TCP connections are links over TLS, with a certificate at both ends: the pooler's must be for the host that the gateway
 * connects to, the gateway's from an authority that the pooler trusts. Unix sockets stay as they are; file permissions guard them.
 */
export function encryptedRelay(network: Network, tls: RelayTls, around: Surroundings): Network {
  return {
    connect: async (endpoint, options) => {
      const plain = await network.connect(endpoint, options);
      if (endpoint.kind === 'unix') return plain;
      const secured = network.secure(plain, {
        kind: 'client',
        context: tls.context(),
        serverName: endpoint.host,
        verify: 'name',
        alpn: [relayAlpn],
      });
      return (await inTime(plain, secured, around, options)).connection;
    },
    listen: (endpoint, accept) =>
      endpoint.kind === 'unix'
        ? network.listen(endpoint, accept)
        : network.listen(endpoint, (plain) => void admit(network, tls, around, plain, accept)),
    tlsContext: (material) => network.tlsContext(material),
    secure: (connection, options) => network.secure(connection, options),
  };
}

async function admit(
  network: Network,
  tls: RelayTls,
  around: Surroundings,
  plain: Connection,
  accept: (connection: Connection) => void,
): Promise<void> {
  try {
    const securing = network.secure(plain, { kind: 'server', context: tls.context(), alpn: [relayAlpn] });
    const { connection, facts } = await inTime(plain, securing, around, { timeoutMs: handshakeMs });
    const { clientCertificate: client, alpn } = facts;
    if (client?.verified === true && alpn === relayAlpn) return accept(connection);
    connection.destroy();
    throw new NetworkError('tls', client?.problem ?? 'it showed no certificate');
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    around.log.warn('a link was refused', { remote: plain.remote, reason: error.message });
  }
}

async function inTime<T>(
  plain: Connection,
  securing: Promise<T>,
  { clock }: Surroundings,
  limit: ConnectOptions,
): Promise<T> {
  let late = false;
  const timer = clock.after(limit.timeoutMs, () => {
    late = true;
    plain.destroy();
  });
  try {
    return await securing;
  } catch (error) {
    if (late) throw new NetworkError('timeout', `no TLS in ${limit.timeoutMs} ms`, error);
    throw error;
  } finally {
    timer.cancel();
  }
}
