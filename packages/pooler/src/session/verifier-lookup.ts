import { BodyWriter } from '@multigres/relay';
import type { AdminQueries } from '../backend/admin-queries.ts';

/**
 * What Postgres stores of a role's password (`pg_authid`), as the answer to a question about `verifier`: an optional text, absent if there is no such
 * role, or it may not log in, has no password, or its password has expired.
 */
export async function lookUpVerifier(admin: AdminQueries, role: string): Promise<Uint8Array> {
  const rows = await admin.query(
    `SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = ${quoteLiteral(role)} AND rolcanlogin` +
      ' AND (rolvaliduntil IS NULL OR rolvaliduntil > pg_catalog.now())',
  );
  return new BodyWriter().optionalText(rows[0]?.[0] ?? undefined).done();
}

/** As PostgreSQL's quote_literal: right whatever `standard_conforming_strings` says. */
function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? ` E${quoted}` : quoted;
}
