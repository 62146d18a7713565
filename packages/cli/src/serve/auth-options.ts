import { readFileSync } from 'node:fs';
import type { AuthPolicy } from '@multigres/gateway';
import {
  parseScramVerifier,
  scramIterationsDefault,
  scramSaltBytes,
  scramVerifierOfPassword,
  type ScramVerifier,
} from '@multigres/pgwire';
import { CliError } from '../errors.ts';
import type { Random } from '@multigres/core';

/**
 * Reads `"role" "secret"` lines, as PgBouncer's users know them. A secret is a SCRAM verifier (as in `pg_authid`) or a password in clear.
 */
export function readAuthFile(path: string, random: Random): AuthPolicy {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read the file of users ${path}: ${(error as Error).message}`, { cause: error });
  }
  const verifiers = new Map<string, ScramVerifier>();
  for (const [index, line] of content.split('\n').entries()) {
    if (/^\s*(?:[;#].*)?$/.test(line)) continue;
    const match = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"/.exec(line);
    if (!match) throw new CliError(`${path}:${index + 1}: expected "role" "password or verifier"`);
    const [role, secret] = [match[1] as string, match[2] as string].map((text) => text.replaceAll('""', '"')) as [
      string,
      string,
    ];
    if (secret.startsWith('md5'))
      throw new CliError(`${path}:${index + 1}: md5 secrets are not supported`, {
        hint: 'Store a SCRAM-SHA-256 verifier.',
      });
    verifiers.set(
      role,
      parseScramVerifier(secret) ??
        scramVerifierOfPassword(secret, random.bytes(scramSaltBytes), scramIterationsDefault),
    );
  }
  return { kind: 'scramFile', verifiers };
}
