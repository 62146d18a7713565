import { Socket, type TcpSocketConnectOpts } from 'node:net';
import type { Address } from '../peers/peer.ts';
import { socketPath } from '../peers/peer.ts';

/** What happens on a wire. Bytes are valid only during the call. */
export interface WireHandler {
  connected(): void;
  data(bytes: Uint8Array): void;
  /** Once, whoever closed it. */
  closed(error: Error | undefined): void;
}

export interface Wire {
  write(bytes: Uint8Array): void;
  close(): void;
}

/** One buffer for all: what is read is used at once. */
const readBuffer = new Uint8Array(64 * 1024);

/**
 * Opens a connection with as little memory as Node allows. `sourceAddress`: an address of our own to come from, because each has only so many
 * ports; Linux has all of 127.0.0.0/8 on the loopback.
 */
export function dial(address: Address, sourceAddress: string | undefined, handler: WireHandler): Wire {
  const onread = {
    buffer: readBuffer,
    callback: (length: number): boolean => {
      handler.data(readBuffer.subarray(0, length));
      return true;
    },
  };
  const socket = new Socket({ onread });
  let failure: Error | undefined;
  socket.once('connect', () => handler.connected());
  socket.on('error', (error) => (failure = error));
  socket.once('close', () => handler.closed(failure));
  if (address.host.startsWith('/')) socket.connect({ path: socketPath(address) });
  else {
    const to: TcpSocketConnectOpts = { host: address.host, port: address.port };
    socket.setNoDelay();
    socket.connect(sourceAddress === undefined ? to : { ...to, localAddress: sourceAddress });
  }
  return { write: (bytes) => void socket.write(bytes), close: () => void socket.destroy() };
}
