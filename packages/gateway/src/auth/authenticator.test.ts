import { PgError, type Random } from '@multigres/core';
import { quietWorld, type QuietWorld } from '@multigres/core/quiet';
import {
  formatScramVerifier,
  md5Verifier,
  scramVerifierOfPassword,
  type AuthenticationMethod,
} from '@multigres/pgwire';
import { describe, expect, it } from 'vitest';
import type { AuthPolicy } from '../config.ts';
import { Authenticator } from './authenticator.ts';
import { parseHba } from './hba/parse-hba.ts';
import { SecretCache } from './secret-cache.ts';
import type { StoredRole } from './stored-secret.ts';

const verifier = scramVerifierOfPassword('pw', new Uint8Array(16), 2);
const scram = formatScramVerifier(verifier);
const md5 = md5Verifier('joe', 'pw');

/** A Postgres that answers when it is told to. */
class Roles {
  readonly stored: Map<string, string> = new Map();
  readonly asked: string[] = [];
  trouble: PgError | undefined;
  readonly #world: QuietWorld;

  constructor(world: QuietWorld) {
    this.#world = world;
  }

  look = async (role: string): Promise<StoredRole> => {
    this.asked.push(role);
    await this.#world.clock.sleep(5);
    if (this.trouble !== undefined) throw this.trouble;
    return { verifier: this.stored.get(role), mayLogIn: role !== 'barred' };
  };
}

function rules(...lines: readonly string[]): AuthPolicy {
  const parsed = parseHba(lines.join('\n'), 'hba');
  if (parsed.kind === 'refused') throw new Error(parsed.problems.join('\n'));
  return { kind: 'hba', rules: parsed.rules };
}

interface House {
  readonly world: QuietWorld;
  readonly roles: Roles;
  readonly authenticator: Authenticator;
  ask(user: string, facts?: object): Promise<AuthenticationMethod>;
}

function house(policy: AuthPolicy, freshMs: number = 0): House {
  const world = quietWorld();
  const roles = new Roles(world);
  const random: Random = world.random.fork('test');
  const authenticator = new Authenticator(policy, new SecretCache(roles.look, world.clock, freshMs), random);
  const someone = {
    database: 'db',
    replication: 'none',
    encrypted: false,
    remote: '1.2.3.4:5',
    certificate: undefined,
  } as const;
  const ask = (user: string, facts: object = {}): Promise<AuthenticationMethod> =>
    world.until(Promise.resolve(authenticator.method({ user, ...someone, ...facts })));
  return { world, roles, authenticator, ask };
}

const message = (method: AuthenticationMethod): string =>
  method.kind === 'reject' ? method.error.message : method.kind;

describe('the method', () => {
  it('of a rule depends on what is stored, as in PostgreSQL', async () => {
    const { ask, roles } = house(
      rules('host scram all all scram-sha-256', 'host md5 all all md5', 'host clear all all password'),
    );
    const kinds: Record<string, string> = {};
    for (const [secret, stored] of [
      ['none', undefined],
      ['scram', scram],
      ['md5', md5],
    ] as const) {
      if (stored !== undefined) roles.stored.set('joe', stored);
      for (const database of ['scram', 'md5', 'clear']) {
        const method = await ask('joe', { database });
        const doomed = 'doomed' in method && method.doomed ? ', doomed' : '';
        kinds[`${database} with ${secret}`] = `${method.kind}${doomed}`;
      }
    }
    expect(kinds).toEqual({
      'scram with none': 'scram, doomed',
      'md5 with none': 'scram, doomed',
      'clear with none': 'cleartext, doomed',
      'scram with scram': 'scram',
      'md5 with scram': 'scram',
      'clear with scram': 'cleartext',
      'scram with md5': 'scram, doomed',
      'md5 with md5': 'md5',
      'clear with md5': 'cleartext',
    });
  });

  it('asks nobody about who is trusted, and gives an unknown role the same salt each time', async () => {
    const { ask, roles } = house(rules('host all joe all trust', 'host all all all scram-sha-256'));
    expect((await ask('joe')).kind).toBe('trust');
    expect(roles.asked).toEqual([]);
    const [first, second] = [await ask('nobody'), await ask('nobody')];
    expect(first).toMatchObject({ verifier: second.kind === 'scram' ? second.verifier : undefined });
  });

  it('needs a certificate where the rule says so, of the user where it says cert', async () => {
    const { ask } = house(
      rules('hostssl cert all all cert', 'hostssl ca all all trust clientcert=verify-ca', 'host all all all trust'),
    );
    const joe = { commonName: 'joe', verified: true, problem: undefined };
    const bad = { commonName: 'joe', verified: false, problem: 'it has expired' };
    const said = async (database: string, certificate: object | undefined): Promise<string> =>
      message(await ask('joe', { database, encrypted: true, certificate }));
    expect(await said('cert', joe)).toBe('trust');
    expect(await said('cert', { ...joe, commonName: 'ann' })).toBe('certificate authentication failed for user "joe"');
    expect(await said('cert', undefined)).toBe('connection requires a valid client certificate');
    expect(await said('cert', bad)).toBe('connection requires a valid client certificate');
    expect(await said('ca', { ...joe, commonName: 'ann' })).toBe('trust');
    expect(await said('ca', bad)).toBe('connection requires a valid client certificate');
    expect(message(await ask('joe', { database: 'cert' }))).toBe('trust');
  });

  it('refuses in the words of PostgreSQL where no rule fits or one rejects', async () => {
    const { ask } = house(rules('host all banned all reject'));
    const replication = { replication: 'physical', database: '' };
    expect(
      await Promise.all([ask('joe'), ask('banned'), ask('joe', replication)]).then((all) => all.map(message)),
    ).toEqual([
      'no pg_hba.conf entry for host "1.2.3.4", user "joe", database "db", no encryption',
      'pg_hba.conf rejects connection for host "1.2.3.4", user "banned", database "db", no encryption',
      'no pg_hba.conf entry for replication connection from host "1.2.3.4", user "joe", no encryption',
    ]);
    expect(message(await ask('joe', { remote: '/tmp/x', encrypted: true }))).toBe(
      'no pg_hba.conf entry for host "[local]", user "joe", database "db", SSL encryption',
    );
  });

  it('is by the new rules after a reload', async () => {
    const { ask, authenticator } = house({ kind: 'trust' });
    expect((await ask('joe')).kind).toBe('trust');
    authenticator.use(rules('host all all all reject'));
    expect((await ask('joe')).kind).toBe('reject');
  });

  it('takes the secret from the file of users first, and from Postgres only where that is wanted', async () => {
    const users = new Map([['joe', { kind: 'password', password: 'pw' } as const]]);
    const closed = house({ kind: 'scram', users });
    expect(await closed.ask('joe')).not.toHaveProperty('doomed');
    expect(await closed.ask('ann')).toMatchObject({ doomed: true });
    expect(closed.roles.asked).toEqual([]);
    const open = house({ kind: 'scram', users, lookUp: true });
    open.roles.stored.set('ann', scram);
    expect(await open.ask('ann')).toEqual({ kind: 'scram', verifier, nonce: expect.any(String) });
    expect(open.roles.asked).toEqual(['ann']);
  });
});

describe('what Postgres stores', () => {
  it('is asked for at every login, in one question for those at the same time', async () => {
    const { ask, roles } = house({ kind: 'scram' });
    roles.stored.set('joe', scram);
    await Promise.all([ask('joe'), ask('joe'), ask('joe')]);
    expect(roles.asked).toEqual(['joe']);
    await ask('joe');
    expect(roles.asked).toEqual(['joe', 'joe']);
  });

  it('is remembered for as long as is wanted, also that there is nothing', async () => {
    const { ask, roles, world } = house({ kind: 'scram' }, 1000);
    await ask('joe');
    roles.stored.set('joe', scram);
    await world.until(world.clock.sleep(500));
    expect(await ask('joe')).toMatchObject({ doomed: true });
    await world.until(world.clock.sleep(600));
    expect(await ask('joe')).not.toHaveProperty('doomed');
    expect(roles.asked).toHaveLength(2);
  });

  it('is asked for again after a proof has failed, so that a changed password works at the next try', async () => {
    const { ask, roles, authenticator } = house({ kind: 'scram' }, 60_000);
    roles.stored.set('joe', scram);
    await ask('joe');
    const changed = scramVerifierOfPassword('new', new Uint8Array(16).fill(7), 2);
    roles.stored.set('joe', formatScramVerifier(changed));
    expect(await ask('joe')).toMatchObject({ verifier });
    authenticator.proofFailed('joe');
    expect(await ask('joe')).toMatchObject({ verifier: changed });
  });

  it('is good for some time more while Postgres cannot be asked', async () => {
    const { ask, roles, world } = house({ kind: 'scram' });
    roles.stored.set('joe', scram);
    await ask('joe');
    await ask('nobody');
    roles.trouble = new PgError({ sqlstate: '57P03', message: 'the database is not reachable at the moment' });
    expect(await ask('joe')).toMatchObject({ kind: 'scram', verifier });
    expect(message(await ask('nobody'))).toBe('the database is not reachable at the moment');
    expect(message(await ask('new'))).toBe('the database is not reachable at the moment');
    await world.until(world.clock.sleep(3_600_000));
    expect(message(await ask('joe'))).toBe('the database is not reachable at the moment');
  });

  it('may be that the role may not log in, whatever it proves', async () => {
    const { ask, roles, authenticator } = house({ kind: 'scram' });
    for (const role of ['joe', 'barred']) roles.stored.set(role, scram);
    const refusal = (user: string, method: 'trust' | 'scram'): string | undefined =>
      authenticator.refusal({ user, method } as Parameters<typeof authenticator.refusal>[0])?.message;
    for (const role of ['joe', 'barred']) await ask(role);
    expect([refusal('joe', 'scram'), refusal('barred', 'scram'), refusal('barred', 'trust')]).toEqual([
      undefined,
      'role "barred" is not permitted to log in',
      undefined,
    ]);
  });
});
