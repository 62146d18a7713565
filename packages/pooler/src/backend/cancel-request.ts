import { PgError, type Connection, type World } from '@multigres/core';
import { encodeCancelRequest, MessageWriter, secretKeyBytesMax } from '@multigres/pgwire';
import type { BackendIdentity } from './backend.ts';
import type { PostgresServer } from './postgres-server.ts';

/**
 * Asks Postgres to cancel what the backend runs ("Canceling Requests in Progress"). Resolves when no signal can be on its way any more:
 * Postgres closes the connection after it has sent the signal. Never rejects: a cancel that fails is no error of anybody's.
 */
export async function sendCancel(
  world: World,
  postgres: PostgresServer,
  identity: BackendIdentity,
  timeoutMs: number,
): Promise<void> {
  // A server that gave out no key, or none of the protocol's, cannot be asked.
  const keyBytes = identity.secretKey.length;
  if (keyBytes < 4 || keyBytes > secretKeyBytesMax) return;
  let connection: Connection;
  try {
    ({ connection } = await postgres.connect(timeoutMs));
  } catch (error) {
    if (error instanceof PgError) return;
    throw error;
  }
  await new Promise<void>((resolve) => {
    const timer = world.clock.after(timeoutMs, () => connection.destroy());
    connection.attach({
      data: () => {},
      end: () => connection.destroy(),
      drain: () => {},
      closed: () => {
        timer.cancel();
        resolve();
      },
    });
    connection.resume();
    const writer = new MessageWriter(256);
    encodeCancelRequest(writer, identity.processId, identity.secretKey);
    connection.write(writer.take());
  });
}
