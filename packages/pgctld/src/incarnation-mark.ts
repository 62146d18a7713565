import type { World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { placeForPostgres, readText } from './files.ts';

/**
 * The incarnation, written into the data directory that it names. Base backups leave out whatever begins with `pgsql_tmp` (PostgreSQL
 * documentation, "Making a Base Backup Using the Low Level API"), so a directory that a backup has brought back has no mark, also when it
 * is a backup of this very server; one that was copied file by file from elsewhere has another server's.
 */
const markName = 'pgsql_tmp.multigres-incarnation';

/** undefined if there is none. */
export async function readMark(world: World, directory: string): Promise<string | undefined> {
  return (await readText(world, `${directory}/${markName}`))?.trim();
}

export function writeMark(world: World, config: PgctldConfig, directory: string, incarnation: string): Promise<void> {
  return placeForPostgres(world, config, `${directory}/${markName}`, `${incarnation}\n`);
}
