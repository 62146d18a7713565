import type { AcceptedSession, StoredSecret } from '@multigres/pgwire';
import type { Credentials } from '@multigres/relay';

/**
 * With what the pooler may log in at Postgres as this user: the password that the file of users has in clear, else what the client gave away
 * when it proved itself, else the md5 verifier, which is as good as the password where Postgres asks for md5.
 */
export function credentialsOf(accepted: AcceptedSession, inFile: StoredSecret | undefined): Credentials {
  if (inFile?.kind === 'password') return inFile;
  if (accepted.password !== undefined) return { kind: 'password', password: accepted.password };
  if (accepted.scramKeys !== undefined) return { kind: 'scramKeys', keys: accepted.scramKeys };
  const md5 = inFile?.kind === 'md5' ? inFile.verifier : accepted.md5Verifier;
  return md5 === undefined ? { kind: 'none' } : { kind: 'md5', verifier: md5 };
}
