import type { Section } from '../section.ts';
import { choice, filePath, fixed } from '../setting.ts';

/** `[postgres_tls]`: encryption between pooler and Postgres, in the words of libpq's `sslmode`, `sslrootcert`, `sslcert` and `sslkey`. */
export interface PostgresTlsSection {
  readonly mode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  readonly rootCertificate?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export const postgresTlsSection: Section<PostgresTlsSection> = {
  mode: fixed(choice('disable', 'prefer', 'require', 'verify-ca', 'verify-full')),
  rootCertificate: fixed(filePath),
  certificate: fixed(filePath),
  key: fixed(filePath),
};
