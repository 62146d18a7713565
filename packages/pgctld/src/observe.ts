import { DiskError, type World } from '@multigres/core';
import { foreignDirectory, versionMismatch } from './errors.ts';
import { readText } from './files.ts';
import type { Layout } from './layout.ts';
import type { DataSeen, ServerSeen } from './lifecycle.machine.ts';
import { judgeIdentity } from './postmaster-identity.ts';
import { parsePostmasterPid, type PostmasterPid } from './postmaster-pid.ts';
import { commandLineOf } from './running-process.ts';
import { parseDataMajor } from './version.ts';

async function namesIn(world: World, directory: string): Promise<readonly string[]> {
  try {
    return await world.disk.list(directory);
  } catch (error) {
    if (error instanceof DiskError && error.code === 'notFound') return [];
    throw error;
  }
}

/** What is at the place of the data directory. */
export async function observeData(world: World, layout: Layout, binaryMajor: number): Promise<DataSeen> {
  const version = await readText(world, `${layout.data}/PG_VERSION`);
  if (version === undefined) {
    const names = await namesIn(world, layout.data);
    return names.length === 0 ? { kind: 'absent' } : { kind: 'unusable', refusal: foreignDirectory(layout.data) };
  }
  const major = parseDataMajor(version);
  if (major === undefined) return { kind: 'unusable', refusal: foreignDirectory(layout.data) };
  if (major === binaryMajor) return { kind: 'present' };
  return { kind: 'unusable', refusal: versionMismatch(layout.data, major, binaryMajor) };
}

export async function readPostmasterPid(
  world: World,
  layout: Layout,
): Promise<PostmasterPid | 'unreadable' | undefined> {
  const text = await readText(world, `${layout.data}/postmaster.pid`);
  return text === undefined ? undefined : (parsePostmasterPid(text) ?? 'unreadable');
}

/** What is known about the server before we look. */
export interface KnownServer {
  /** One that we started and that has not ended. */
  readonly childPid: number | undefined;
  /** One that was there when we last looked. */
  readonly lastPid: number | undefined;
}

/** Whether a server runs on the data directory. */
export async function observeServer(world: World, layout: Layout, known: KnownServer): Promise<ServerSeen> {
  const { childPid, lastPid } = known;
  const file = await readPostmasterPid(world, layout);
  if (childPid !== undefined) {
    const phase = typeof file === 'object' && file.pid === childPid ? file.phase : 'starting';
    return { kind: 'alive', pid: childPid, phase };
  }
  if (file === undefined) {
    // It removes its pid file before it ends.
    const lingers = lastPid !== undefined && (await isServer(world, layout, lastPid));
    return lingers ? { kind: 'alive', pid: lastPid, phase: 'stopping' } : { kind: 'none' };
  }
  if (file === 'unreadable' || !(await isServer(world, layout, file.pid))) return { kind: 'crashed' };
  return { kind: 'alive', pid: file.pid, phase: file.phase };
}

async function isServer(world: World, layout: Layout, pid: number): Promise<boolean> {
  if (!world.processes.isAlive(pid)) return false;
  return judgeIdentity(await commandLineOf(world, pid), layout.data) !== 'other';
}
