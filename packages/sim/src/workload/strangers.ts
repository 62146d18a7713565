import type { World } from '@multigres/core';
import { ProtocolOracle } from '../check/protocol-oracle.ts';
import { bannedUser, guestSessionsMax, guestUser } from '../assembly/accounts.ts';
import { PgClient, type PgClientOptions } from './pg-client.ts';
import type { UserParts } from './user.ts';

/** Conditions of the way to the data: any login may meet them. */
export const passing: RegExp = /^(08|53|57P|58|MG)/;

type Opened = Awaited<ReturnType<typeof PgClient.open>>;

function knock(parts: UserParts, user: string, password: string, options: string = ''): Promise<Opened> {
  const { world, checks, random, endpoints, database, client } = parts;
  const login: PgClientOptions = {
    endpoint: random.pick(endpoints),
    parameters: [
      ['user', user],
      ['database', database],
      ['options', options],
    ],
    password,
    nonce: () => `nonce${random.below(1e9)}`,
    connectTimeoutMs: 3000,
    loginTimeoutMs: 10_000,
    oracle: new ProtocolOracle((sentence) => checks.fail('protocol', `${client.name} as ${user}: ${sentence}`)),
    notified: () => {},
  };
  return PgClient.open(world, login);
}

/** Somebody who must not get in: with a wrong password, or whom the rules keep out. */
export async function beTurnedAway(parts: UserParts): Promise<void> {
  const { accounts, random, checks } = parts;
  if (accounts?.asks !== true) return;
  const isBanned = random.chance(0.5);
  const [user, code] = isBanned ? [bannedUser, '28000'] : ['app', '28P01'];
  const opened = await knock(parts, user, isBanned ? accounts.password() : `not ${accounts.password()}`);
  if (!('refused' in opened)) {
    checks.fail('authentication', `${user} got in ${isBanned ? 'against the rules' : 'with a wrong password'}`);
    return opened.terminate();
  }
  if (!('rows' in opened.refused) || opened.refused.error === undefined) return;
  const { sqlstate } = opened.refused.error;
  if (sqlstate === code) parts.mark('client/turned away');
  else if (!passing.test(sqlstate))
    checks.fail('authentication', `${user} was turned away with ${sqlstate} instead of ${code}`);
}

/** A guest whom Postgres refuses, because of a setting that it cannot have: that must not take a place away from others. */
export async function beRefused(parts: UserParts): Promise<void> {
  const { accounts, checks } = parts;
  if (accounts === undefined) return;
  const opened = await knock(parts, guestUser, '', '-c work_mem=plenty');
  if (!('refused' in opened)) {
    checks.fail('answers', 'a guest got in with a setting that cannot be');
    return opened.terminate();
  }
  if (!('rows' in opened.refused) || opened.refused.error === undefined) return;
  const { sqlstate } = opened.refused.error;
  if (sqlstate === '22023') parts.mark('client/refused by Postgres');
  else if (!passing.test(sqlstate)) checks.fail('answers', `a guest with a bad setting was told ${sqlstate}`);
}

/** A guest: in for a while, if there are not too many already. True if it was. */
export async function beGuest(parts: UserParts, world: World): Promise<boolean> {
  const { checks, random } = parts;
  if (parts.accounts === undefined) return true;
  const opened = await knock(parts, guestUser, '');
  if ('refused' in opened) return false;
  const { guests } = checks;
  guests.inside += 1;
  // While nothing breaks the pooler knows of every session, from before a client is welcomed until after it has gone.
  if (parts.isCalm && guests.inside > guestSessionsMax)
    checks.fail('limits', `${guests.inside} guests are in, and there may be ${guestSessionsMax}`);
  await world.clock.sleep(random.below(300));
  guests.inside -= 1;
  opened.terminate();
  return true;
}
