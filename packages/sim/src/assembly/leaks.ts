import type { PostgresNode } from './postgres-node.ts';

/** What backends still hold when no user is connected: sentences. `backendsMax`: how many a pool may keep. */
export function backendLeaks(postgres: PostgresNode, backendsMax: number): string[] {
  const { server } = postgres;
  if (!postgres.isReady || server === undefined) return ['Postgres is not up, although everything has healed'];
  const leaks: string[] = [];
  const backends = [...server.backends];
  if (backends.length > backendsMax) {
    leaks.push(`${backends.length} backends are left when at most ${backendsMax} may be`);
  }
  for (const { pid, session } of backends) {
    if (session === undefined) continue;
    if (session.status !== 'I') leaks.push(`backend ${pid} is left inside a transaction`);
    const locks = session.advisory.keys();
    if (locks.length > 0) leaks.push(`backend ${pid} still holds advisory locks: ${locks.join(', ')}`);
    const { channels } = session.notifications;
    if (channels.size > 0) leaks.push(`backend ${pid} still listens on ${[...channels].join(', ')}`);
  }
  return leaks;
}
