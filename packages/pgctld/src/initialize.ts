import { hex, utf8, type RunResult, type World } from '@multigres/core';
import type { PgctldConfig } from './config.ts';
import { foreignDirectory, initFailed } from './errors.ts';
import { giveToPostgres, withDisk } from './files.ts';
import type { Layout } from './layout.ts';
import { readControlData } from './read-control-data.ts';

export interface InitOptions {
  readonly superuser: string;
  readonly encoding: string;
  /** undefined: C.UTF-8, from Postgres itself where it brings one. */
  readonly locale: string | undefined;
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
  passwordFile: string | undefined,
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
    ...(passwordFile === undefined ? [] : [`--pwfile=${passwordFile}`]),
  ];
}

/** Clears away what an attempt left behind that was killed half-way. Only for who holds the directory's lock. */
export async function removeLeftovers(world: World, layout: Layout): Promise<void> {
  const names = await world.disk.list(layout.root);
  for (const name of names.filter((candidate) => candidate.startsWith(layout.newDataPrefix))) {
    await world.disk.remove(`${layout.root}/${name}`, { recursive: true });
  }
  await world.disk.remove(layout.passwordFile);
}

function outputOf(result: RunResult): string {
  const lines = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '');
  return [...(result.timedOut ? ['it did not end in time'] : []), ...lines.slice(-8)].join('\n');
}

/**
 * Makes a data directory aside and then gives it its name: whoever finds `data` finds it complete, whenever this was killed.
 * initdb flushes its files itself; the rename is flushed here.
 */
export async function initialize(
  world: World,
  config: PgctldConfig,
  layout: Layout,
  options: InitOptions,
  major: number,
): Promise<void> {
  await withDisk('initialize a data directory', async () => {
    await removeLeftovers(world, layout);
    const directory = `${layout.root}/${layout.newDataPrefix}${hex(world.random.bytes(4))}`;
    await world.disk.makeDirectory(directory, 0o700);
    await giveToPostgres(world, config, directory);
    try {
      await runInitdb(world, config, layout, directory, options, major);
      // Refuses what cannot be read back: a directory that Postgres cannot use must never get the name.
      await readControlData(world, config, directory);
      await makeRoom(world, layout);
      await world.disk.rename(directory, layout.data);
      await world.disk.syncDirectory(layout.root);
    } finally {
      await removeLeftovers(world, layout);
    }
  });
}

/** An empty directory gives way; anything in it is somebody's. */
async function makeRoom(world: World, layout: Layout): Promise<void> {
  if ((await world.disk.info(layout.data)) === undefined) return;
  if ((await world.disk.list(layout.data)).length > 0) throw foreignDirectory(layout.data);
  await world.disk.remove(layout.data, { recursive: true });
}

async function runInitdb(
  world: World,
  config: PgctldConfig,
  layout: Layout,
  directory: string,
  options: InitOptions,
  major: number,
): Promise<void> {
  const password = config.superuserPassword;
  if (password !== undefined) {
    await world.disk.write(layout.passwordFile, utf8(`${password}\n`), 0o600);
    await giveToPostgres(world, config, layout.passwordFile);
  }
  const result = await world.processes.run(
    {
      program: `${config.binDirectory}/initdb`,
      args: initArgs(directory, password === undefined ? undefined : layout.passwordFile, options, major),
      env: { LC_ALL: 'C' },
      directory: layout.root,
      ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
    },
    { timeoutMs: config.limits.initMsMax },
  );
  if (result.timedOut || result.exit.kind !== 'code' || result.exit.code !== 0) throw initFailed(outputOf(result));
}
