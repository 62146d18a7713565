import { parseScramVerifier, type StoredSecret } from '@multigres/pgwire';

/** Secrets of users by their names. */
export type Users = ReadonlyMap<string, StoredSecret>;

/** What Postgres has about a role in `pg_authid`. */
export interface StoredRole {
  /** Undefined if there is no such role, it has no password or its password has expired. */
  readonly verifier: string | undefined;
  readonly mayLogIn: boolean;
}

/** Reads what `pg_authid.rolpassword` holds; undefined for what nobody can log in with. */
export function parseStoredSecret(text: string): StoredSecret | undefined {
  if (/^md5[0-9a-f]{32}$/.test(text)) return { kind: 'md5', verifier: text };
  const verifier = parseScramVerifier(text);
  return verifier && { kind: 'scram', verifier };
}
