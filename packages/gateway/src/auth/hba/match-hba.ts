import type { HbaName, HbaRule } from './hba-rule.ts';
import { parseIp, sameNetwork } from './ip-address.ts';

/** What the rules look at. */
export interface HbaClient {
  readonly user: string;
  readonly database: string;
  readonly replication: 'none' | 'physical' | 'logical';
  readonly encrypted: boolean;
  /** `Connection.remote`. It may cost a system call, so it is read only when a rule needs it. */
  readonly remote: string;
}

/** The first rule that fits, as in PostgreSQL; undefined if none does, which refuses the client. */
export function matchHba(rules: readonly HbaRule[], client: HbaClient): HbaRule | undefined {
  let place: Place | undefined;
  for (const rule of rules) {
    if (rule.type === 'hostssl' && !client.encrypted) continue;
    if (rule.type === 'hostnossl' && client.encrypted) continue;
    if (
      !rule.users.some((name) => fitsUser(name, client)) ||
      !rule.databases.some((name) => fitsDatabase(name, client))
    )
      continue;
    place ??= placeOf(client.remote);
    if (rule.type === 'local' ? place.local : !place.local && fitsNetwork(rule, place)) return rule;
  }
  return undefined;
}

/** The client's host as PostgreSQL's messages name it: an address, or `[local]`. */
export function hostOf(remote: string): string {
  if (remote.startsWith('/')) return '[local]';
  const host = /^(.*):\d+$/.exec(remote)?.[1] ?? remote;
  return host.replace(/^\[|\]$/g, '').replace(/^::ffff:(?=\d+\.)/i, '');
}

interface Place {
  readonly local: boolean;
  readonly address: Uint8Array | undefined;
}

function placeOf(remote: string): Place {
  const host = hostOf(remote);
  // An IPv6 address may come with the interface that it is seen on: fe80::1%eth0.
  return host === '[local]'
    ? { local: true, address: undefined }
    : { local: false, address: parseIp(host.replace(/%.*$/, '')) };
}

function fitsNetwork({ network }: HbaRule, { address }: Place): boolean {
  if (network === undefined) return true;
  return address !== undefined && sameNetwork(address, network.address, network.mask);
}

function fitsUser(name: HbaName, { user }: HbaClient): boolean {
  if (name.kind === 'all') return true;
  if (name.kind === 'is') return name.name === user;
  return name.kind === 'matches' && name.pattern.test(user);
}

/** `check_db`: physical replication is only let in by the word for it, and nothing else is. */
function fitsDatabase(name: HbaName, { user, database, replication }: HbaClient): boolean {
  if (replication === 'physical') return name.kind === 'replication';
  switch (name.kind) {
    case 'all':
      return true;
    case 'sameUser':
      return database === user;
    case 'is':
      return name.name === database;
    case 'matches':
      return name.pattern.test(database);
    case 'replication':
      return false;
  }
}
