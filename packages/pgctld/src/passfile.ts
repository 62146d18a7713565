import type { World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { noReplicationPassword } from './errors.ts';
import { placeForPostgres } from './files.ts';
import type { Layout } from './layout.ts';

/** The role with which members copy, rewind and stream from each other. */
export const replicationRole = 'multigres_replication';

/** PostgreSQL documentation, "The Password File": a colon or a backslash in a field is escaped. */
export function passfileText(password: string): string {
  return `*:*:*:${replicationRole}:${password.replaceAll(/[\\:]/g, String.raw`\$&`)}\n`;
}

/** Throws with 55000 where members could not reach each other. */
export function demandPassword(config: PgctldConfig): void {
  if (config.replicationPassword === undefined) throw noReplicationPassword();
}

/** Where libpq finds the password, if we know one: Postgres's own receiver, pg_rewind and pg_basebackup all run as Postgres's user. */
export async function writePassfile(world: World, config: PgctldConfig, layout: Layout): Promise<void> {
  if (config.replicationPassword === undefined) return;
  await placeForPostgres(world, config, layout.passfile, passfileText(config.replicationPassword));
}
