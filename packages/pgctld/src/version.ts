import type { PgError } from '@multigres/core';
import { unsupportedVersion } from './errors.ts';

export const oldestMajor = 15;
export const newestMajor = 18;

export interface PgVersion {
  readonly major: number;
  /** As in the setting server_version_num. */
  readonly number: number;
  /** As in the setting server_version. */
  readonly text: string;
}

/** What `postgres --version` prints; undefined if it is something else. Before 10 the major version had two parts. */
export function parseVersion(output: string): PgVersion | undefined {
  const match = /^postgres \(PostgreSQL\) ((\d+)(?:\.(\d+))?(?:devel|beta\d+|rc\d+)?.*)$/m.exec(output);
  if (!match) return undefined;
  const major = Number(match[2]);
  const number = major >= 10 ? major * 10_000 + Number(match[3] ?? 0) : major * 10_000 + Number(match[3] ?? 0) * 100;
  return { major, number, text: (match[1] as string).trim() };
}

/** The content of a data directory's PG_VERSION; undefined if it is none. */
export function parseDataMajor(text: string): number | undefined {
  const match = /^(\d+)(?:\.\d+)?\s*$/.exec(text);
  return match ? Number(match[1]) : undefined;
}

/** A refusal, or nothing if this version is one that we know. */
export function refusalOfVersion(version: PgVersion): PgError | undefined {
  if (version.major >= oldestMajor && version.major <= newestMajor) return undefined;
  return unsupportedVersion(version.text, oldestMajor, newestMajor);
}
