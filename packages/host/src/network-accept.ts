import { Socket, type Server } from 'node:net';
import { HostConnection, highWaterBytes, keepAliveMs, onread } from './network-connection.ts';

export type OnAccepted = (connection: HostConnection) => void;

/** What Node's server calls for each connection. Not part of its documented interface. */
interface AcceptingHandle {
  onconnection: (status: number, handle: unknown) => void;
}

function acceptingHandle(server: Server): AcceptingHandle | undefined {
  const handle: unknown = Reflect.get(server, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  return typeof Reflect.get(handle, 'onconnection') === 'function' ? (handle as AcceptingHandle) : undefined;
}

/**
 * Makes the connections of a listening server read into the shared buffer, which Node's documented interface offers for outgoing connections
 * only. Answers false where this Node has no such place; then `acceptByEvents` has to do. Measured: README, "Accepted connections".
 */
export function acceptByHandle(server: Server, remote: string | undefined, onAccepted: OnAccepted): boolean {
  const accepting = acceptingHandle(server);
  if (!accepting) return false;
  accepting.onconnection = (status, handle): void => {
    // Out of file descriptors, or the peer is gone again: the listener lives on, and libuv has closed what waited.
    if (status !== 0) return;
    // The handle is what Node itself passes here; the types know only of the documented kinds.
    const options = { handle: handle as never, allowHalfOpen: true, writableHighWaterMark: highWaterBytes };
    const socket = new Socket({ ...options, onread });
    if (remote === undefined) socket.setNoDelay(true).setKeepAlive(true, keepAliveMs);
    onAccepted(new HostConnection(socket, remote));
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
