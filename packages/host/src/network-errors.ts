import { NetworkError, type NetworkErrorCode } from '@multigres/core';

/** What the operating system says, in our words. What is not here is `other`. */
const codes: Readonly<Record<string, NetworkErrorCode>> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused',
  ENOTSOCK: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EAI_FAIL: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  ENOTCONN: 'reset',
  ETIMEDOUT: 'timeout',
  EADDRINUSE: 'inUse',
  EACCES: 'denied',
  EPERM: 'denied',
  EMFILE: 'limit',
  ENFILE: 'limit',
  ENOBUFS: 'limit',
  ENOMEM: 'limit',
};

type Situation = 'listen' | 'connect' | 'open' | 'secure';

/** The same errno means different things in different situations. */
const special: Readonly<Record<Situation, Readonly<Record<string, NetworkErrorCode>>>> = {
  // A directory that does not exist is nothing that one could wait for.
  listen: { ENOENT: 'other', ENOTDIR: 'other' },
  // No local port is left (tcp); the queue of a listener is full (unix).
  connect: { EADDRNOTAVAIL: 'limit', EAGAIN: 'limit' },
  // Keepalive or retransmission gave up, or a router said so: to the user the connection was lost, whatever the path said.
  open: { ETIMEDOUT: 'reset', EHOSTUNREACH: 'reset', ENETUNREACH: 'reset', ECONNREFUSED: 'reset' },
  secure: {},
};

function errnoOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Several addresses were tried, each with an error of its own.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return first instanceof Error && first !== error ? errnoOf(first) : '';
}

/** Our error for one of Node's. `what` begins the message: `listen on /tmp/s`. */
export function networkError(error: Error, situation: Situation, what: string): NetworkError {
  const errno = errnoOf(error);
  const fallback = situation === 'secure' || /^ERR_(?:SSL|TLS)_/.test(errno) ? 'tls' : 'other';
  const code = special[situation][errno] ?? codes[errno] ?? fallback;
  return new NetworkError(code, `${what}: ${error.message === '' ? errno : error.message}`, error);
}
