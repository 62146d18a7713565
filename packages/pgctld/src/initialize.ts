import { hex, utf8, type World } from '@multigres/core';
import { syncArgs } from './binaries.ts';
import { foreignDirectory, initFailed, malformedIncarnation } from './errors.ts';
import { giveToPostgres, withDisk } from './files.ts';
import { writeMark } from './incarnation-mark.ts';
import type { Layout } from './layout.ts';
import { nameBeside, removeLeftovers } from './data-swap.ts';
import type { Place } from './place.ts';
import { readControlData } from './read-control-data.ts';
import { lastWords, runTool, type WatchTool } from './run-tool.ts';

export interface InitOptions {
  readonly superuser: string;
  readonly encoding: string;
  /** undefined: C.UTF-8, from Postgres itself where it brings one. */
  readonly locale: string | undefined;
  /** What the data directory shall be known by; undefined: drawn. */
  readonly incarnation?: string | undefined;
}

export const defaultInit: InitOptions = { superuser: 'postgres', encoding: 'UTF8', locale: undefined };

/**
 * From 17 on Postgres has a C.UTF-8 of its own, whose order never changes under an index when the operating system is upgraded
 * (PostgreSQL documentation, "Locale Providers").
 */
function localeArgs(locale: string | undefined, major: number): readonly string[] {
  if (locale !== undefined) return [`--locale=${locale}`];
  if (major < 17) return ['--locale=C.UTF-8'];
  return ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C.UTF-8'];
}

function initArgs(directory: string, { config, layout, programs }: Place, options: InitOptions): readonly string[] {
  return [
    `--pgdata=${directory}`,
    `--username=${options.superuser}`,
    `--encoding=${options.encoding}`,
    ...localeArgs(options.locale, programs.version.major),
    '--data-checksums',
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    ...syncArgs(programs),
    ...(config.superuserPassword === undefined ? [] : [`--pwfile=${layout.passwordFile}`]),
  ];
}

/**
 * Makes a data directory aside and then gives it its name: whoever finds `data` finds it complete, whenever this was killed.
 * initdb flushes its files itself; the rename is flushed here.
 */
export async function initialize(place: Place, options: InitOptions, watch: WatchTool): Promise<void> {
  const { world, config, layout, keeper } = place;
  const incarnation = incarnationFor(world, options.incarnation);
  await withDisk('initialize a data directory', async () => {
    await removeLeftovers(world, layout, keeper);
    const directory = `${layout.root}/${nameBeside(world, 'made')}`;
    await world.disk.makeDirectory(directory, 0o700);
    await giveToPostgres(world, config, directory);
    try {
      await runInitdb(place, initArgs(directory, place, options), watch);
      // Refuses what cannot be read back: a directory that Postgres cannot use must never get the name.
      const { systemIdentifier } = await readControlData(world, config, directory);
      await makeRoom(world, layout);
      await writeMark(world, config, directory, incarnation);
      // Before the name: what is found under the name without a record would be a stranger's.
      await keeper.change({ incarnation, systemIdentifier, standby: config.member ?? false });
      await world.disk.rename(directory, layout.data);
      await world.disk.syncDirectory(layout.root);
    } finally {
      await removeLeftovers(world, layout, keeper);
    }
  });
}

/** The one that was asked for, or a fresh one. Throws 22023 if it is none. */
export function incarnationFor(world: World, asked: string | undefined): string {
  if (asked === undefined || asked === '') return hex(world.random.bytes(8));
  if (!/^[0-9a-f]{16}$/.test(asked)) throw malformedIncarnation(asked);
  return asked;
}

/** An empty directory gives way; anything in it is somebody's. */
async function makeRoom(world: World, layout: Layout): Promise<void> {
  if ((await world.disk.info(layout.data)) === undefined) return;
  if ((await world.disk.list(layout.data)).length > 0) throw foreignDirectory(layout.data);
  await world.disk.remove(layout.data, { recursive: true });
}

async function runInitdb(place: Place, args: readonly string[], watch: WatchTool): Promise<void> {
  const { world, config, layout } = place;
  if (config.superuserPassword !== undefined) {
    await world.disk.write(layout.passwordFile, utf8(`${config.superuserPassword}\n`), 0o600);
    await giveToPostgres(world, config, layout.passwordFile);
  }
  const tool = { name: 'initdb', args, msMax: config.limits.initMsMax };
  const result = await runTool(place, tool, watch);
  if (!result.succeeded) throw initFailed(lastWords(result));
}
