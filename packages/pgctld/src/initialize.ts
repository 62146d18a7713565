import { hex, utf8, type Child, type World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { foreignDirectory, initFailed, malformedIncarnation } from './errors.ts';
import { giveToPostgres, withDisk } from './files.ts';
import { writeMark } from './incarnation-mark.ts';
import type { Layout } from './layout.ts';
import { readControlData } from './read-control-data.ts';
import type { RecordKeeper } from './server-record.ts';

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

function initArgs(
  directory: string,
  config: PgctldConfig,
  layout: Layout,
  options: InitOptions,
  major: number,
): readonly string[] {
  return [
    `--pgdata=${directory}`,
    `--username=${options.superuser}`,
    `--encoding=${options.encoding}`,
    ...localeArgs(options.locale, major),
    '--data-checksums',
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    ...(config.superuserPassword === undefined ? [] : [`--pwfile=${layout.passwordFile}`]),
  ];
}

/** Told of the process while it runs, so that it can be ended when pgctld ends. */
export type WatchInitdb = (child: Child | undefined) => void;

/**
 * Clears away what an attempt left behind that was killed half-way. Only for who holds the directory's lock. An initdb that has outlived
 * its pgctld for a moment may still be writing there: what cannot be removed now is harmless, has a name of its own, and goes the next time.
 */
export async function removeLeftovers(world: World, layout: Layout): Promise<void> {
  const names = await world.disk.list(layout.root);
  for (const name of names.filter((candidate) => candidate.startsWith(layout.newDataPrefix))) {
    try {
      await world.disk.remove(`${layout.root}/${name}`, { recursive: true });
    } catch (error) {
      world.telemetry.log.warn('cannot remove a half-made data directory yet', { name, error: String(error) });
    }
  }
  await world.disk.remove(layout.passwordFile);
}

/**
 * Makes a data directory aside and then gives it its name: whoever finds `data` finds it complete, whenever this was killed.
 * initdb flushes its files itself; the rename is flushed here.
 */
export async function initialize(
  world: World,
  config: PgctldConfig,
  layout: Layout,
  keeper: RecordKeeper,
  options: InitOptions,
  major: number,
  watch: WatchInitdb,
): Promise<void> {
  const incarnation = incarnationFor(world, options.incarnation);
  await withDisk('initialize a data directory', async () => {
    await removeLeftovers(world, layout);
    const directory = `${layout.root}/${layout.newDataPrefix}${hex(world.random.bytes(4))}`;
    await world.disk.makeDirectory(directory, 0o700);
    await giveToPostgres(world, config, directory);
    try {
      await runInitdb(world, config, layout, initArgs(directory, config, layout, options, major), watch);
      // Refuses what cannot be read back: a directory that Postgres cannot use must never get the name.
      const { systemIdentifier } = await readControlData(world, config, directory);
      await makeRoom(world, layout);
      await writeMark(world, config, directory, incarnation);
      // Before the name: what is found under the name without a record would be a stranger's.
      await keeper.change({ incarnation, systemIdentifier, standby: config.member ?? false });
      await world.disk.rename(directory, layout.data);
      await world.disk.syncDirectory(layout.root);
    } finally {
      await removeLeftovers(world, layout);
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

const outputLinesMax = 8;

async function runInitdb(
  world: World,
  config: PgctldConfig,
  layout: Layout,
  args: readonly string[],
  watch: WatchInitdb,
): Promise<void> {
  if (config.superuserPassword !== undefined) {
    await world.disk.write(layout.passwordFile, utf8(`${config.superuserPassword}\n`), 0o600);
    await giveToPostgres(world, config, layout.passwordFile);
  }
  const child = await world.processes.spawn({
    program: `${config.binDirectory}/initdb`,
    args,
    env: { LC_ALL: 'C' },
    directory: layout.root,
    ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
  });
  watch(child);
  const lines: string[] = [];
  child.onLine((line) => {
    if (line.trim() !== '') lines.push(line);
    if (lines.length > outputLinesMax) lines.shift();
  });
  const timer = world.clock.after(config.limits.initMsMax, () => {
    lines.push('it did not end in time');
    child.signal('SIGKILL');
  });
  const exit = await child.exited;
  timer.cancel();
  watch(undefined);
  if (exit.kind !== 'code' || exit.code !== 0) throw initFailed(lines.join('\n'));
}
