import type { Server } from 'node:net';
import { HostConnection, keepAliveMs, type OwnedConnection } from './network-connection.ts';
import { HandleConnection, hasNodeStreams, type StreamHandle } from './network-handle.ts';

export type OnAccepted = (connection: OwnedConnection) => void;

/** What Node's server calls for each connection. Not part of its documented interface. */
interface AcceptingHandle {
  onconnection: (status: number, handle: StreamHandle) => void;
}

function acceptingHandle(server: Server): AcceptingHandle | undefined {
  const handle: unknown = Reflect.get(server, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  return typeof Reflect.get(handle, 'onconnection') === 'function' ? (handle as AcceptingHandle) : undefined;
}

/**
 * Makes the connections of a listening server what they are underneath Node's sockets, with the shared buffer to read into. Answers false where this Node has no
 * such place; then `acceptByEvents` has to do. Measured: README, "Accepted connections".
 */
export function acceptByHandle(server: Server, remote: string | undefined, onAccepted: OnAccepted): boolean {
  const accepting = acceptingHandle(server);
  if (!accepting || !hasNodeStreams) return false;
  accepting.onconnection = (status, handle): void => {
    // Out of file descriptors, or the peer is gone again: the listener lives on, and libuv has closed what waited.
    if (status === 0) onAccepted(new HandleConnection(handle, remote));
  };
  return true;
}

/** The documented way: Node allocates for each read. */
export function acceptByEvents(server: Server, remote: string | undefined, onAccepted: OnAccepted): void {
  server.on('connection', (socket) => {
    if (remote === undefined) socket.setNoDelay(true).setKeepAlive(true, keepAliveMs);
    const connection = new HostConnection(socket, remote);
    onAccepted(connection);
    socket.on('data', (bytes: Buffer) => connection.toldData(bytes));
  });
}
