import type { PostgresNode } from './postgres-node.ts';

/** What backends still hold when no user is connected: sentences. `backendsMax`: how many a pool may keep. */
export function backendLeaks(postgres: PostgresNode, backendsMax: number): string[] {
  if (!postgres.isReady) return ['Postgres is not up, although everything has healed'];
  const backends = postgres.model?.inspect.backends() ?? [];
  const leaks: string[] = [];
  if (backends.length > backendsMax) {
    const who = backends.map(
      ({ pid, applicationName, state, query }) => `${pid} (${applicationName}) ${state}: ${query}`,
    );
    leaks.push(`${backends.length} backends are left when at most ${backendsMax} may be: ${who.join('; ')}`);
  }
  for (const { pid, transaction, advisoryLocks, channels, temporaryTables, state } of backends) {
    if (state === 'active') leaks.push(`backend ${pid} is still at work`);
    if (transaction !== 'I') leaks.push(`backend ${pid} is left inside a transaction`);
    if (advisoryLocks.length > 0) leaks.push(`backend ${pid} still holds advisory locks: ${advisoryLocks.join(', ')}`);
    if (channels.length > 0) leaks.push(`backend ${pid} still listens on ${channels.join(', ')}`);
    if (temporaryTables.length > 0)
      leaks.push(`backend ${pid} still has temporary tables: ${temporaryTables.join(', ')}`);
  }
  return leaks;
}
