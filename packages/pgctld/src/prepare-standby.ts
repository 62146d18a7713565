import type { World } from '@multigres/core';
import { withoutSettings } from './auto-conf.ts';
import type { PgctldConfig } from './config.ts';
import { placeForPostgres, readText } from './files.ts';

/** What belongs to a place in the shard and must not outlive it: whom to follow, and who has to acknowledge. */
export const settingsOfPlace: readonly string[] = [
  'primary_conninfo',
  'primary_slot_name',
  'synchronous_standby_names',
];

/** Takes out of `directory` what ALTER SYSTEM has set there about another place in the shard. No server may run on it. */
export async function forgetPlace(world: World, config: PgctldConfig, directory: string): Promise<void> {
  const path = `${directory}/postgresql.auto.conf`;
  const text = await readText(world, path);
  if (text === undefined) return;
  const rest = withoutSettings(text, settingsOfPlace);
  if (rest !== text) await placeForPostgres(world, config, path, rest);
}

/**
 * Makes the next start of `directory` one as a standby (PostgreSQL documentation, "Standby Server Operation"). Who was a primary follows
 * nobody until it is told to, and its commits need somebody who does not exist: that was another life.
 */
export async function prepareStandby(world: World, config: PgctldConfig, directory: string): Promise<void> {
  const signal = `${directory}/standby.signal`;
  if ((await world.disk.info(signal)) !== undefined) return;
  await forgetPlace(world, config, directory);
  await placeForPostgres(world, config, signal, '');
}
