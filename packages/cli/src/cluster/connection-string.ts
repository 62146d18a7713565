import type { ClusterRecord } from './record.ts';

export const superuser = 'postgres';

/** What clients connect with (PostgreSQL documentation, "Connection URIs"). A host that means "every address" is dialled as this machine. */
export function connectionString(record: ClusterRecord, password: string | undefined): string {
  const { host, port } = record.gateway;
  const dialled = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const bracketed = dialled.includes(':') ? `[${dialled}]` : dialled;
  const secret = password === undefined || record.auth === 'trust' ? '' : `:${encodeURIComponent(password)}`;
  return `postgresql://${superuser}${secret}@${bracketed}:${port}/postgres`;
}
