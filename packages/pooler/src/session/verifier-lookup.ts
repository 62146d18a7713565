import { BodyWriter } from '@multigres/relay';
import type { AdminQueries } from '../backend/admin-queries.ts';

/**
 * What Postgres stores of a role's password (`pg_authid`), as the answer to a question about `verifier`: an optional text, absent if there is no such
 * role, it has no password, or its password has expired; and whether the role may log in (0 or 1).
 */
export async function lookUpVerifier(admin: AdminQueries, role: string): Promise<Uint8Array> {
  const rows = await admin.query(
    `SELECT rolpassword, rolcanlogin FROM pg_catalog.pg_authid WHERE rolname = ${quoteLiteral(role)}` +
      ' AND (rolvaliduntil IS NULL OR rolvaliduntil > pg_catalog.now())',
  );
  const [row] = rows;
  return new BodyWriter()
    .optionalText(row?.[0] ?? undefined)
    .u8(row?.[1] === 't' ? 1 : 0)
    .done();
}

/** As PostgreSQL's quote_literal: right whatever `standard_conforming_strings` says. */
function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? ` E${quoted}` : quoted;
}
