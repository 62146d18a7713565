import { assert, type Connection, type Endpoint } from '@multigres/core';
import type { QuietWorld } from '@multigres/core/quiet';
import { MessageWriter, clientStartupMachine, encodeCancelRequest, type ClientStartupEvent } from '@multigres/pgwire';

import { RawClient } from './raw-client.ts';
import { story } from './story.ts';

/** Asks for a cancel on a fresh connection. */
export function sendCancel(connection: Connection, pid: number, key: Uint8Array): void {
  connection.attach({ data: () => {}, end: () => {}, drain: () => {}, closed: () => {} });
  const writer = new MessageWriter(64);
  encodeCancelRequest(writer, pid, key);
  connection.write(writer.take());
}

/** Logs in with a password; answers the last thing that the server said. */
export async function scramLogin(
  world: QuietWorld,
  endpoint: Endpoint,
  user: string,
  password: string,
): Promise<string | undefined> {
  const wire = await world.until(world.network.connect(endpoint, { timeoutMs: 100 }));
  const machine = clientStartupMachine({
    user,
    database: 'postgres',
    parameters: [],
    credential: { kind: 'password', password },
    nonce: 'fixed',
    minor: 0,
  });
  let state = machine.initial;
  const client = new RawClient({
    attach: (handler) =>
      wire.attach({
        ...handler,
        data: (bytes) => {
          handler.data(bytes);
          // A message at a time arrives here, but for the last ones, which the machine need not see.
          if (state.kind === 'authenticating')
            step({ kind: 'messageReceived', buffer: bytes, start: 0, end: firstEnd(bytes) });
        },
      }),
    write: (bytes) => wire.write(bytes),
    destroy: () => wire.destroy(),
  });
  function step(event: ClientStartupEvent): void {
    const [next, effects] = machine.step(state, event);
    state = next;
    for (const effect of effects) if (effect.kind === 'send') wire.write(effect.bytes);
  }
  step({ kind: 'connected', encrypted: false, serverEndPoint: undefined });
  await world.advance(10);
  const said = story(client.take());
  assert(said.length > 0, 'the server says something');
  return said.at(-1);
}

function firstEnd(bytes: Uint8Array): number {
  return 1 + new DataView(bytes.buffer, bytes.byteOffset).getInt32(1);
}
