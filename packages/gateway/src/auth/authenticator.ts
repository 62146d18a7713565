import { PgError, unreachable, type Random } from '@multigres/core';
import {
  encodeBase64,
  md5Verifier,
  mockScramVerifier,
  scramIterationsDefault,
  scramSaltBytes,
  scramVerifierOfPassword,
  type AcceptedSession,
  type AuthenticationMethod,
  type ScramVerifier,
  type StoredSecret,
} from '@multigres/pgwire';
import type { AuthPolicy } from '../config.ts';
import { certificateNotOfUser, certificateRequired, hbaRejects, noHbaEntry, roleMayNotLogIn } from '../errors.ts';
import type { HbaMethod, HbaRule } from './hba/hba-rule.ts';
import { hostOf, matchHba, type HbaClient } from './hba/match-hba.ts';
import type { SecretCache } from './secret-cache.ts';

/** Who wants to log in, and how it has come. */
export interface LoginFacts extends HbaClient {
  readonly certificate: ShownCertificate | undefined;
}

/** What a client showed when its connection was encrypted. */
export interface ShownCertificate {
  readonly commonName: string | undefined;
  /** Whether an authority of ours has issued it and it is valid now. If not, `problem` says why. */
  readonly verified: boolean;
  readonly problem: string | undefined;
}

type PasswordMethod = Exclude<HbaMethod, 'trust' | 'reject' | 'cert'>;

/** Decides how a client must prove who it is. */
export class Authenticator {
  readonly #secrets: SecretCache;
  readonly #random: Random;
  readonly #mockSecret: Uint8Array;
  #policy: AuthPolicy;
  /** Verifiers of passwords that the file of users has in clear: slow to make, so made once, when first needed. */
  #derived: Map<string, ScramVerifier> = new Map();

  constructor(policy: AuthPolicy, secrets: SecretCache, random: Random) {
    this.#policy = policy;
    this.#secrets = secrets;
    this.#random = random;
    this.#mockSecret = random.bytes(32);
  }

  /** What decides. */
  get kind(): AuthPolicy['kind'] {
    return this.#policy.kind;
  }

  /** For logins from now on. */
  use(policy: AuthPolicy): void {
    this.#policy = policy;
    this.#derived = new Map();
  }

  /** At once where nothing has to be looked up. Never rejects: what stands in the way is a method, too (`reject`). */
  method(facts: LoginFacts): AuthenticationMethod | Promise<AuthenticationMethod> {
    const policy = this.#policy;
    if (policy.kind === 'trust') return { kind: 'trust' };
    if (policy.kind === 'scram') return this.#password('scram-sha-256', facts.user, false);
    const rule = matchHba(policy.rules, facts);
    if (rule === undefined) return { kind: 'reject', error: noHbaEntry(hostOf(facts.remote), facts) };
    const trouble = certificateTrouble(rule, facts);
    if (trouble !== undefined) return { kind: 'reject', error: trouble };
    switch (rule.method) {
      case 'trust':
      case 'cert':
        return { kind: 'trust' };
      case 'reject':
        return { kind: 'reject', error: hbaRejects(hostOf(facts.remote), facts) };
      case 'scram-sha-256':
      case 'md5':
      case 'password':
        return this.#password(rule.method, facts.user, false);
      default:
        return unreachable(rule.method);
    }
  }

  /** The same method with what Postgres stores now: the proof did not fit what was remembered. */
  async again(before: AuthenticationMethod, user: string): Promise<AuthenticationMethod> {
    this.#secrets.forget(user);
    return await this.#password(before.kind === 'cleartext' ? 'password' : 'md5', user, true);
  }

  /** A proof has failed, or what it gave away was refused by Postgres. */
  proofFailed(user: string): void {
    this.#secrets.forget(user);
  }

  /** Why this user may not come in although it has proven itself; Postgres says so behind AuthenticationOk, too. */
  refusal({ user, method }: AcceptedSession): PgError | undefined {
    // Who was not looked up for this login is for Postgres to judge.
    if (method === 'trust' || this.#policy.users?.has(user)) return undefined;
    return this.#secrets.isBarred(user) ? roleMayNotLogIn(user) : undefined;
  }

  /** What the file of users has of this user. */
  secretInFile(user: string): StoredSecret | undefined {
    return this.#policy.users?.get(user);
  }

  #password(
    method: PasswordMethod,
    user: string,
    again: boolean,
  ): AuthenticationMethod | Promise<AuthenticationMethod> {
    const { users, lookUp } = this.#policy;
    if (users?.has(user) || (users !== undefined && lookUp !== true))
      return this.#methodFor(method, user, users.get(user), false);
    const remembered = again ? undefined : this.#secrets.remembered(user);
    if (remembered !== undefined) return this.#methodFor(method, user, remembered.secret, true);
    return this.#secrets.ask(user).then(
      (secret) => this.#methodFor(method, user, secret, false),
      (error: unknown) => {
        if (!(error instanceof PgError)) throw error;
        return { kind: 'reject', error };
      },
    );
  }

  /** `CheckPWChallengeAuth` and `CheckPasswordAuth`: what the secret allows decides, too. */
  #methodFor(
    method: PasswordMethod,
    user: string,
    secret: StoredSecret | undefined,
    remembered: boolean,
  ): AuthenticationMethod {
    if (method === 'password') {
      // Who does not exist must take as long as who does.
      const mock: StoredSecret = { kind: 'scram', verifier: mockScramVerifier(user, this.#mockSecret) };
      return { kind: 'cleartext', secret: secret ?? mock, doomed: secret === undefined, remembered };
    }
    if (method === 'md5' && (secret?.kind === 'md5' || secret?.kind === 'password')) {
      const verifier = secret.kind === 'md5' ? secret.verifier : md5Verifier(user, secret.password);
      return { kind: 'md5', verifier, salt: this.#random.bytes(4), remembered };
    }
    const nonce = encodeBase64(this.#random.bytes(18));
    const verifier = secret && this.#scramVerifier(user, secret);
    // A role that does not exist, or has no SCRAM verifier, must look like one with another password.
    if (verifier === undefined)
      return { kind: 'scram', verifier: mockScramVerifier(user, this.#mockSecret), nonce, doomed: true };
    return { kind: 'scram', verifier, nonce };
  }

  #scramVerifier(user: string, secret: StoredSecret): ScramVerifier | undefined {
    if (secret.kind === 'scram') return secret.verifier;
    if (secret.kind === 'md5') return undefined;
    let verifier = this.#derived.get(user);
    if (verifier === undefined) {
      verifier = scramVerifierOfPassword(secret.password, this.#random.bytes(scramSaltBytes), scramIterationsDefault);
      this.#derived.set(user, verifier);
    }
    return verifier;
  }
}

function certificateTrouble(rule: HbaRule, { certificate, user }: LoginFacts): PgError | undefined {
  if (rule.clientCertificate === 'none') return undefined;
  if (certificate?.verified !== true) return certificateRequired(certificate?.problem);
  if (rule.clientCertificate === 'ofUser' && certificate.commonName !== user) return certificateNotOfUser(user);
  return undefined;
}
