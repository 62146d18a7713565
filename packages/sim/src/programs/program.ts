import { DiskError, utf8, utf8Text, type World } from '@multigres/core';
import type { ProgramStart } from '../world/processes.ts';
import type { SimDisk } from '../world/disk.ts';
import type { Weather } from '../world/weather.ts';

/** What a simulated program has to work with. */
export interface Tools {
  readonly weather: Weather;
  readonly start: ProgramStart;
  /** Good for the life of this process. */
  readonly world: World;
  readonly disk: SimDisk;
}

export function toolsOf(weather: Weather, start: ProgramStart): Tools {
  const machine = weather.machine(start.machine);
  return { weather, start, world: weather.world(start.life, machine), disk: machine.disk };
}

/** The value of `--name=value` or `-n value`. */
export function option(args: readonly string[], ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const glued = args.find((arg) => arg.startsWith(`${name}=`));
    if (glued !== undefined) return glued.slice(name.length + 1);
    const at = args.indexOf(name);
    if (at >= 0) return args[at + 1];
  }
  return undefined;
}

/** The last words of a program that gives up. */
export function giveUp({ start }: Tools, text: string): number {
  start.write(`${text}\n`, 'stderr');
  return 1;
}

export async function textAt(world: World, path: string): Promise<string | undefined> {
  try {
    return utf8Text(await world.disk.read(path));
  } catch (error) {
    if (error instanceof DiskError && error.code === 'notFound') return undefined;
    throw error;
  }
}

/** As initdb and pg_basebackup write: whole and flushed when the program has ended. */
export async function place(world: World, path: string, text: string): Promise<void> {
  await world.disk.write(path, utf8(text));
  await world.disk.sync(path);
}
