import type { World } from '@multigres/core';
import { withoutSettings, withSetting } from './auto-conf.ts';
import type { PgctldConfig } from './config.ts';
import { conninfoOfFollower, type SourceEndpoint } from './conninfo.ts';
import { placeForPostgres, readText } from './files.ts';
import { writeMark } from './incarnation-mark.ts';
import type { Layout } from './layout.ts';
import { settingsOfPlace } from './prepare-standby.ts';

/**
 * Makes a copy of another server's data directory our own: a standby that follows the source, without the source's place in the shard. It
 * must follow somebody: after a rewind it takes connections only when it has replayed what the source had written until then, so
 * nobody could tell it by ALTER SYSTEM.
 */
export async function followSource(
  world: World,
  config: PgctldConfig,
  layout: Layout,
  copy: { readonly directory: string; readonly incarnation: string; readonly source: SourceEndpoint },
): Promise<void> {
  const path = `${copy.directory}/postgresql.auto.conf`;
  const text = withoutSettings((await readText(world, path)) ?? '', settingsOfPlace);
  const following = withSetting(text, 'primary_conninfo', conninfoOfFollower(copy.source, layout));
  await placeForPostgres(world, config, path, following);
  await placeForPostgres(world, config, `${copy.directory}/standby.signal`, '');
  await writeMark(world, config, copy.directory, copy.incarnation);
}
