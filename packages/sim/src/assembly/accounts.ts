import type { AuthPolicy } from '@multigres/gateway';
import { parseHba } from '@multigres/gateway';

/** Who the users of a run are, and how they have to prove it. */
export interface Accounts {
  /** Whether gateways ask for passwords; if not, everybody is trusted. */
  readonly asks: boolean;
  /** What the user `app` has to prove now. */
  password(): string;
  /** Changes it in Postgres; false if Postgres is not there. */
  changePassword(): boolean;
}

/** The user of the workload. */
export const appUser = 'app';
/** Exists, and is kept out by the rules. */
export const bannedUser = 'banned';
/** May have only so many sessions at once. */
export const guestUser = 'guest';
export const guestSessionsMax = 2;
/** Competes with `app` for backends, from a pool of its own; may do the same. */
export const tenantUser = 'tenant';

/** Operators look into the console without a password. */
const rules = `
  host multigres all all trust
  host all ${bannedUser} all reject
  host all ${guestUser} all trust
  host all ${tenantUser} all trust
  host all all all scram-sha-256
`;

/** The rules of the gateways where passwords are asked for. */
export function askingPolicy(): AuthPolicy {
  const parsed = parseHba(rules, 'rules');
  if (parsed.kind === 'refused') throw new Error(parsed.problems.join('\n'));
  return { kind: 'hba', rules: parsed.rules };
}
