import type { PgError } from '@multigres/core';
import { invalidReplication, noUserName } from '../errors.ts';
import type { ProtocolVersion, StartupMessage } from '../frontend/startup-message.ts';
import { parseStartupOptions } from './startup-options.ts';

/** What a StartupMessage asks for, read as PostgreSQL reads it. */
export interface StartupRequest {
  /** What will be spoken: what was asked for, or the newest that we know. */
  readonly version: ProtocolVersion;
  readonly user: string;
  /** By default the user's name. */
  readonly database: string;
  /**
   * Settings from `options` and from the packet itself, which wins. Keys in lower case, as settings' names have no case; in the order in
   * which they are to be applied.
   */
  readonly settings: ReadonlyMap<string, string>;
  /** A replication connection: to the whole cluster or to one database. */
  readonly replication: 'none' | 'physical' | 'logical';
  /** `options` that can not be read: as in PostgreSQL the client learns it once it has proven who it is. */
  readonly optionsError?: PgError;
  /** Protocol options that we do not know; told to the client in NegotiateProtocolVersion. */
  readonly unknownProtocolOptions: readonly string[];
}

export interface StartupReading {
  readonly read: ReadStartup;
  /** Known even of a request that is refused. */
  readonly unknownProtocolOptions: readonly string[];
}

export type ReadStartup =
  | { readonly kind: 'request'; readonly request: StartupRequest }
  | { readonly kind: 'refused'; readonly error: PgError };

/** What will be spoken with a client that asks for this version: the minor version at most ours. */
export function spokenVersion(message: StartupMessage, minorMax: number): ProtocolVersion {
  return { major: 3, minor: Math.min(message.version.minor, minorMax) };
}

/** `ProcessStartupPacket`. Refusals: 28000 no user, 22023 bad `replication`. The major version is 3. */
export function readStartup(message: StartupMessage, minorMax: number): StartupReading {
  const unknownProtocolOptions = [...message.parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  const replication = message.parameters.get('replication') ?? 'false';
  // PostgreSQL looks at it while it reads the packet: before it has told what it does not know.
  if (readReplication(replication) === undefined)
    return { read: refused(invalidReplication(replication)), unknownProtocolOptions: [] };
  return { read: readRequest(message, minorMax, unknownProtocolOptions), unknownProtocolOptions };
}

function readRequest(
  message: StartupMessage,
  minorMax: number,
  unknownProtocolOptions: readonly string[],
): ReadStartup {
  const { parameters } = message;
  const user = parameters.get('user') ?? '';
  const database = parameters.get('database') ?? '';
  if (user === '') return refused(noUserName());
  const options = parseStartupOptions(parameters.get('options') ?? '');

  const settings = new Map<string, string>();
  if (options.kind === 'settings') for (const [name, value] of options.settings) put(settings, name, value);
  for (const [name, value] of parameters) {
    if (!reserved.includes(name) && !name.startsWith('_pq_.')) put(settings, name, value);
  }
  const request = {
    version: spokenVersion(message, minorMax),
    user,
    database: database === '' ? user : database,
    settings,
    replication: readReplication(parameters.get('replication') ?? 'false') ?? 'none',
    unknownProtocolOptions,
    ...(options.kind === 'refused' && { optionsError: options.error }),
  };
  return { kind: 'request', request };
}

function refused(error: PgError): ReadStartup {
  return { kind: 'refused', error };
}

const reserved: readonly string[] = ['user', 'database', 'options', 'replication'];

/** The last value counts, in the last place: settings may depend on one another. */
function put(settings: Map<string, string>, name: string, value: string): void {
  const key = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  settings.delete(key);
  settings.set(key, value);
}

function readReplication(text: string): 'none' | 'physical' | 'logical' | undefined {
  if (text === 'database') return 'logical';
  const value = readBoolean(text);
  if (value === undefined) return undefined;
  return value ? 'physical' : 'none';
}

/** `parse_bool`: any unambiguous beginning of true, false, yes, no, on, off, or a digit. */
function readBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (word === '') return undefined;
  if (word === '1' || word === 'on' || 'true'.startsWith(word) || 'yes'.startsWith(word)) return true;
  if (word === '0' || word === 'of' || word === 'off' || 'false'.startsWith(word) || 'no'.startsWith(word))
    return false;
  return undefined;
}
