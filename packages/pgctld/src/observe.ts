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

/** Whether a server runs on the data directory. `childPid` is one that we started and that has not ended. */
export async function observeServer(world: World, layout: Layout, childPid: number | undefined): Promise<ServerSeen> {
  const file = await readPostmasterPid(world, layout);
  if (childPid !== undefined) {
    const phase = typeof file === 'object' && file.pid === childPid ? file.phase : 'starting';
    return { kind: 'alive', pid: childPid, phase };
  }
  if (file === undefined) return { kind: 'none' };
  if (file === 'unreadable' || !world.processes.isAlive(file.pid)) return { kind: 'crashed' };
  const identity = judgeIdentity(await commandLineOf(world, file.pid), layout.data);
  return identity === 'other' ? { kind: 'crashed' } : { kind: 'alive', pid: file.pid, phase: file.phase };
}
