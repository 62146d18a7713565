import type { Endpoint } from '@multigres/core';
import { parsePostgres } from '../../endpoints.ts';
import type { Section } from '../section.ts';
import { endpoint, fixed, text } from '../setting.ts';

/** `[postgres]`: the server behind the pooler. */
export interface PostgresSection {
  /** `HOST:PORT`, `HOST`, a socket's path or its directory. */
  readonly address?: Endpoint;
  /** The role that reads password verifiers; its password stands in the environment. */
  readonly adminUser?: string;
  readonly adminDatabase?: string;
}

export const postgresSection: Section<PostgresSection> = {
  address: fixed(endpoint(parsePostgres, '"HOST:PORT", "HOST", or the path of a socket or of its directory')),
  adminUser: fixed(text),
  adminDatabase: fixed(text),
};
