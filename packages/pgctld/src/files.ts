import { DiskError, sameBytes, utf8, utf8Text, type World } from '@multigres/core';
import { diskTrouble, programUnusable } from './errors.ts';
import type { PgctldConfig } from './config.ts';

/** The content, or undefined where there is no such file. Other errors of the disk are thrown. */
export async function readText(world: World, path: string): Promise<string | undefined> {
  try {
    return utf8Text(await world.disk.read(path));
  } catch (error) {
    if (error instanceof DiskError && (error.code === 'notFound' || error.code === 'notDirectory')) return undefined;
    throw error;
  }
}

/** Hands what is at `path`, and all below it, to the user who runs Postgres. Nothing to do unless we run as somebody else. */
export async function giveToPostgres(world: World, config: PgctldConfig, path: string): Promise<void> {
  if (config.runAs === undefined) return;
  const { uid, gid } = config.runAs;
  const args = ['-R', '-h', `${uid}:${gid}`, path];
  const result = await world.processes.run({ program: 'chown', args }, { timeoutMs: 60_000 });
  if (result.exit.kind !== 'code' || result.exit.code !== 0) throw programUnusable('chown', result.stderr.trim());
}

/**
 * Puts a file in place so that after a crash the old or the new one is there, whole; does nothing if it is so already. Readable for
 * everybody: Postgres may run as another user, and nothing secret stands in these files.
 */
export async function placeFile(world: World, path: string, text: string): Promise<void> {
  const bytes = utf8(text);
  const before = await readText(world, path);
  if (before !== undefined && sameBytes(utf8(before), bytes)) return;
  const temporary = `${path}.tmp`;
  await world.disk.write(temporary, bytes, 0o644);
  await world.disk.sync(temporary);
  await world.disk.rename(temporary, path);
  await world.disk.syncDirectory(path.slice(0, path.lastIndexOf('/')));
}

/**
 * The same for a file that only Postgres's user may read, or that stands in the data directory. Does nothing if it is so already.
 */
export async function placeForPostgres(world: World, config: PgctldConfig, path: string, text: string): Promise<void> {
  if ((await readText(world, path)) === text) return;
  const temporary = `${path}.tmp`;
  await world.disk.write(temporary, utf8(text), 0o600);
  await world.disk.sync(temporary);
  await giveToPostgres(world, config, temporary);
  await world.disk.rename(temporary, path);
  await world.disk.syncDirectory(path.slice(0, path.lastIndexOf('/')));
}

/** Runs `work`, telling what the disk says against it as a PgError. `doing` completes "cannot ...". */
export async function withDisk<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DiskError) throw diskTrouble(doing, error, error.code === 'full');
    throw error;
  }
}
