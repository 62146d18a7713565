import type { World } from '@multigres/core';
import { readText } from './files.ts';
import type { Layout } from './layout.ts';
import { parsePostmasterPid, type SharedMemory } from './postmaster-pid.ts';
import { commandLineOf } from './running-process.ts';

const endMsMax = 2_000;
const lookEveryMs = 10;

/** How many processes have the segment mapped, of /proc/sysvipc/shm (proc(5)); undefined if it is not listed. */
export function attachedTo(listing: string, { id }: SharedMemory): number | undefined {
  const [header = '', ...rows] = listing.split('\n').map((line) => line.trim().split(/\s+/));
  const [idAt, countAt] = ['shmid', 'nattch'].map((name) => header.indexOf(name));
  const row = rows.find((fields) => Number(fields[idAt as number]) === id);
  return row === undefined ? undefined : Number(row[countAt as number]);
}

/** Whether /proc/PID/maps shows the segment: its key in hexadecimal is the name, its number the inode (proc(5)). */
export function mapsSegment(maps: string, { key, id }: SharedMemory): boolean {
  const name = `/SYSV${key.toString(16).padStart(8, '0')}`;
  return maps.split('\n').some((line) => {
    const [, , , , inode, path] = line.split(/\s+/);
    return path === name && Number(inode) === id;
  });
}

async function isStillAttached(world: World, segment: SharedMemory): Promise<boolean> {
  const listing = await readText(world, '/proc/sysvipc/shm');
  return listing !== undefined && (attachedTo(listing, segment) ?? 0) > 0;
}

async function isHolder(world: World, pid: number, segment: SharedMemory): Promise<boolean> {
  if (!(await commandLineOf(world, pid))?.includes('postgres')) return false;
  // It may end between the two, or not be ours to look into.
  const maps = await readText(world, `/proc/${pid}/maps`).catch(() => undefined);
  return maps !== undefined && mapsSegment(maps, segment);
}

/**
 * Ends the processes of a server whose postmaster was killed. Most notice it at once; one that computes may go on for hours, and until it
 * has ended Postgres rightly refuses to start beside it. They are known for certain by the shared memory that only they have mapped, and
 * nothing of theirs is lost that recovery will not bring back. Where the system tells nothing (no /proc), nothing is done.
 */
export async function endOrphans(world: World, layout: Layout): Promise<void> {
  const text = await readText(world, `${layout.data}/postmaster.pid`);
  const file = text === undefined ? undefined : parsePostmasterPid(text);
  if (file?.sharedMemory === undefined || world.processes.isAlive(file.pid)) return;
  const segment = file.sharedMemory;
  for (let waitedMs = 0; waitedMs <= endMsMax && (await isStillAttached(world, segment)); waitedMs += lookEveryMs) {
    if (waitedMs === 0) await killHolders(world, segment);
    await world.clock.sleep(lookEveryMs);
  }
}

async function killHolders(world: World, segment: SharedMemory): Promise<void> {
  const pids = (await world.disk.list('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids) {
    if (!(await isHolder(world, pid, segment))) continue;
    world.telemetry.log.warn('a process has outlived its postmaster and is ended', { pid });
    world.processes.signal(pid, 'SIGKILL');
  }
}
