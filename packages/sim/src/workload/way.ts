import { NetworkError, toyMaterial, type Connection, type World } from '@multigres/core';
import { MessageWriter, encodeSslRequest } from '@multigres/pgwire';

/** How a user comes to a gateway: in clear, with TLS after asking for it, or with TLS from the first byte. */
export type Way = 'clear' | 'asked' | 'direct';

export const ways: readonly Way[] = ['clear', 'clear', 'asked', 'direct'];

/** Who issues the certificates of a simulated cluster. */
export const authority = 'the authority';
/** The name in the gateways' certificates. */
export const gatewayName = 'gateway';

/** The connection that a user speaks on. Rejects with a NetworkError if there is no way; takes at most `timeoutMs`. */
export async function goWay(world: World, plain: Connection, way: Way, timeoutMs: number): Promise<Connection> {
  if (way === 'clear') return plain;
  const timer = world.clock.after(timeoutMs, () => plain.destroy());
  try {
    if (way === 'asked') await ask(plain);
    const context = world.network.tlsContext(toyMaterial(undefined, [authority]));
    const options = { kind: 'client', context, serverName: gatewayName, verify: 'name', alpn: ['postgresql'] } as const;
    return (await world.network.secure(plain, options)).connection;
  } finally {
    timer.cancel();
  }
}

function ask(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      connection.destroy();
      reject(new NetworkError('tls', 'the gateway does not want to'));
    };
    const data = (bytes: Uint8Array): void => (bytes.length === 1 && bytes[0] === 0x53 ? resolve() : fail());
    connection.attach({ data, end: fail, drain: () => {}, closed: fail });
    const writer = new MessageWriter();
    encodeSslRequest(writer);
    connection.write(writer.take());
  });
}
