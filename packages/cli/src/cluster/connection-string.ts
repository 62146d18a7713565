import type { ClusterRecord, GatewayRecord } from './record.ts';

export const superuser = 'postgres';

/** Where clients are sent. */
export function firstGateway(record: ClusterRecord): GatewayRecord {
  return record.gateways[0] as GatewayRecord;
}

/** What clients connect with (PostgreSQL documentation, "Connection URIs"). A host that means "every address" is dialled as this machine. */
export function connectionString(record: ClusterRecord, password: string | undefined): string {
  const { host, port } = firstGateway(record);
  const dialled = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const bracketed = dialled.includes(':') ? `[${dialled}]` : dialled;
  const secret = password === undefined || record.auth === 'trust' ? '' : `:${encodeURIComponent(password)}`;
  return `postgresql://${superuser}${secret}@${bracketed}:${port}/postgres`;
}
