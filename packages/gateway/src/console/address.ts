/** The parts of `Connection.remote`; PgBouncer writes `unix` where there is no address. */
export function addressOf(remote: string): { readonly address: string; readonly port: number } {
  const colon = remote.lastIndexOf(':');
  if (colon < 0 || remote.startsWith('/')) return { address: 'unix', port: 0 };
  return { address: remote.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(remote.slice(colon + 1)) || 0 };
}
