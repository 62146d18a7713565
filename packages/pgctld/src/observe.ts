import { DiskError, type World } from '@multigres/core';
import { foreignDirectory, strangeData, versionMismatch } from './errors.ts';
import { readText } from './files.ts';
import { readMark } from './incarnation-mark.ts';
import type { ControlData } from './control-data.ts';
import type { Layout } from './layout.ts';
import type { DataSeen, ServerSeen } from './lifecycle-state.ts';
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

/** What is expected of the data directory. */
export interface ExpectedData {
  readonly major: number;
  /** By which it must be marked, empty if we know of none; undefined: it is not asked who made it. */
  readonly incarnation: string | undefined;
  /** As in the record. */
  readonly rewinding: string | undefined;
  readonly swap: string | undefined;
}

/** What is at the place of the data directory. */
export async function observeData(world: World, layout: Layout, expected: ExpectedData): Promise<DataSeen> {
  if (expected.swap !== undefined) return { kind: 'broken' };
  const version = await readText(world, `${layout.data}/PG_VERSION`);
  if (version === undefined) {
    const names = await namesIn(world, layout.data);
    if (names.length > 0) return { kind: 'unusable', refusal: foreignDirectory(layout.data) };
    const { rewinding } = expected;
    const rewound = rewinding === undefined ? undefined : await world.disk.info(`${layout.root}/${rewinding}`);
    return { kind: rewound === undefined ? 'absent' : 'broken' };
  }
  const major = parseDataMajor(version);
  if (major === undefined) return { kind: 'unusable', refusal: foreignDirectory(layout.data) };
  if (major !== expected.major) {
    return { kind: 'unusable', refusal: versionMismatch(layout.data, major, expected.major) };
  }
  return expected.incarnation === undefined ? { kind: 'present' } : whoseData(world, layout, expected.incarnation);
}

async function whoseData(world: World, layout: Layout, incarnation: string): Promise<DataSeen> {
  const mark = await readMark(world, layout.data);
  if (mark !== undefined && mark === incarnation) return { kind: 'present' };
  const its = mark === undefined ? 'It has no incarnation' : `Its incarnation is ${mark}`;
  const ours = incarnation === '' ? 'we have made none' : `ours is ${incarnation}`;
  return { kind: 'unusable', refusal: strangeData(layout.data, `${its}, ${ours}.`) };
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
  /** One whose recovery is over. */
  readonly primaryPid: number | undefined;
}

/** Where recovery stands is asked of pg_controldata, whose answer this is. */
export type AskControlData = () => Promise<ControlData>;

/** Whether a server runs on the data directory, and as what. */
export async function observeServer(
  world: World,
  layout: Layout,
  known: KnownServer,
  ask: AskControlData,
): Promise<ServerSeen> {
  const seen = await observeProcess(world, layout, known);
  if (seen.kind !== 'alive' || seen.phase !== 'ready' || seen.pid === known.primaryPid) return seen;
  return (await isInRecovery(world, layout, ask)) ? { ...seen, phase: 'standby' } : seen;
}

/**
 * A server that takes connections says `ready` in its pid file whether it is a hot standby or a primary (PostgreSQL source,
 * `postmaster.c`). A promotion removes standby.signal a moment before recovery has ended; the control file tells the end.
 */
async function isInRecovery(world: World, layout: Layout, ask: AskControlData): Promise<boolean> {
  if ((await world.disk.info(`${layout.data}/standby.signal`)) !== undefined) return true;
  return (await ask()).clusterState !== 'in production';
}

async function observeProcess(world: World, layout: Layout, known: KnownServer): Promise<ServerSeen> {
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
