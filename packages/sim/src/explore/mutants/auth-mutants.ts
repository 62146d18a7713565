import type { Mutant } from '../mutation.ts';

/** Bugs in who is let in. */
export const authMutants: readonly Mutant[] = [
  {
    name: 'auth/wrong-password-accepted',
    file: 'packages/pgwire/src/auth/scram-server.ts',
    find: `if (!fits || doomed) return refused(passwordAuthenticationFailed(user));`,
    replace: ``,
    why: 'whoever knows the name of a user gets in',
  },
  {
    name: 'auth/last-rule-wins',
    file: 'packages/gateway/src/auth/hba/match-hba.ts',
    find: `for (const rule of rules) {`,
    replace: `for (const rule of rules.toReversed()) {`,
    why: 'a rule that keeps somebody out is passed over for a later one that lets everybody in',
  },
  {
    name: 'auth/remembered-for-ever',
    file: 'packages/gateway/src/auth/secret-cache.ts',
    find: `forget(role: string): void {
    this.#known.delete(role);`,
    replace: `forget(_role: string): void {`,
    why: 'who has changed a password cannot log in with it until the old one is forgotten',
  },
  {
    name: 'limits/one-too-many',
    file: 'packages/pooler/src/limits/session-limits.ts',
    find: `this.sessionsOfUser(user) >= ofUser`,
    replace: `this.sessionsOfUser(user) > ofUser`,
    why: 'a user gets one session more than the limit',
    scenario: 'pooling/calm',
  },
  {
    name: 'limits/closed-session-keeps-its-place',
    file: 'packages/pooler/src/session/gateway-link.ts',
    find: `this.#environment.sessionLimits.leave(session.admission);`,
    replace: ``,
    why: 'after as many sessions as the limit allows nobody gets in any more',
  },
  {
    name: 'limits/failed-login-keeps-its-place',
    file: 'packages/pooler/src/session/gateway-link.ts',
    find: `sessionLimits.leave(admission);`,
    replace: ``,
    why: 'after as many failed logins as the limit allows nobody gets in any more',
  },
];
