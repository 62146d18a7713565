import type { PgError } from '@multigres/core';
import { consoleDenied, consoleNeedsProof } from '../errors.ts';
import type { ConsoleConfig } from './console-config.ts';

/** A client that has logged in to the console's database. */
export interface ConsoleGuest {
  readonly user: string;
  /** Whether it has proven that: with a password, or a certificate that names it. */
  readonly isProven: boolean;
  /** `Connection.remote`. */
  readonly remote: string;
}

export type ConsoleAccess =
  | { readonly kind: 'admitted'; readonly mayCommand: boolean }
  | { readonly kind: 'refused'; readonly error: PgError };

/** Who may come in, and what he may do. Refusals: 42501 for who is not listed, 28000 for who is listed and has not proven to be that one. */
export function consoleAccess(config: ConsoleConfig, { user, isProven, remote }: ConsoleGuest): ConsoleAccess {
  const mayCommand = config.users.includes(user);
  if (!mayCommand && !config.statsUsers.includes(user)) {
    return { kind: 'refused', error: consoleDenied(user, config.database) };
  }
  if (!isProven && !config.trustAnywhere && !isThisMachine(remote)) {
    return { kind: 'refused', error: consoleNeedsProof(user, config.database) };
  }
  return { kind: 'admitted', mayCommand };
}

/** A Unix socket (its path, or nothing), or an address of the loopback network. */
export function isThisMachine(remote: string): boolean {
  if (remote === '' || remote.startsWith('/')) return true;
  return /^(127\.\d+\.\d+\.\d+|\[?(::ffff:127\.\d+\.\d+\.\d+|::1)\]?):\d+$/.test(remote);
}
