import type { Endpoint } from '@multigres/core';
import type { Layout } from './layout.ts';
import { replicationRole } from './passfile.ts';

/** Where a running server of the shard listens: members reach each other over TCP. */
export type SourceEndpoint = Endpoint & { readonly kind: 'tcp' };

/** PostgreSQL documentation, "Keyword/Value Connection Strings": quoted, so that any value is one. */
function conninfo(values: Readonly<Record<string, string>>): string {
  const quoted = (value: string): string => `'${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(' ');
}

function loginAt(source: SourceEndpoint, layout: Layout): Readonly<Record<string, string>> {
  return { host: source.host, port: String(source.port), user: replicationRole, passfile: layout.passfile };
}

/** How a program that copies logs in. A source that has gone silent is noticed after about ten seconds. */
export function conninfoOfTool(source: SourceEndpoint, layout: Layout): string {
  const patience = { connect_timeout: '5', keepalives_idle: '5', keepalives_interval: '2', keepalives_count: '3' };
  return conninfo({ ...loginAt(source, layout), dbname: 'postgres', ...patience, tcp_user_timeout: '10000' });
}

/** For `primary_conninfo`, until the member sets its own. It counts for nobody under this name: no leader lists it. */
export function conninfoOfFollower(source: SourceEndpoint, layout: Layout): string {
  return conninfo({ ...loginAt(source, layout), connect_timeout: '5' });
}
