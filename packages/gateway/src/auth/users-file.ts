import type { StoredSecret } from '@multigres/pgwire';
import { parseStoredSecret, type Users } from './stored-secret.ts';

/** Users, or all that is wrong with the text, each as `FILE:LINE: what`. */
export type ParsedUsers =
  | { readonly kind: 'users'; readonly users: Users }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/**
 * Reads `"user" "secret"` lines as PgBouncer has them in its `auth_file`: a secret is a password in clear, `md5...` or `SCRAM-SHA-256$...` as in
 * `pg_authid`; `""` inside quotes is a quote; what follows is not read; `;` and `#` begin a comment. `file` is for messages, which never repeat a
 * line: it may hold a password.
 */
export function parseUsers(text: string, file: string): ParsedUsers {
  const users = new Map<string, StoredSecret>();
  const problems: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(?:[;#].*)?$/.test(line)) continue;
    const match = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"(?:\s.*)?$/s.exec(line);
    if (match === null || match[1] === '') {
      problems.push(`${file}:${index + 1}: expected "user" "password or verifier"`);
      continue;
    }
    const [user, secret] = [unquoted(match[1] as string), unquoted(match[2] as string)];
    // Nobody can log in with an empty password, as in PostgreSQL.
    if (secret !== '') users.set(user, parseStoredSecret(secret) ?? { kind: 'password', password: secret });
  }
  return problems.length === 0 ? { kind: 'users', users } : { kind: 'refused', problems };
}

function unquoted(text: string): string {
  return text.replaceAll('""', '"');
}
