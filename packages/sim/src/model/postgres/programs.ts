import { concat, type Endpoint, type Lsn, type World } from '@multigres/core';

import { ReplicationClient } from './replication/replication-client.ts';
import { decodeDirectory, type DirectoryCopy } from './storage/directory-codec.ts';
import { DataDirectory, type ControlData, type InitdbOptions } from './storage/data-directory.ts';
import type { LogRecord } from './storage/log-record.ts';
import { forkPoint } from './storage/timeline-history.ts';

/** A server to copy from, and as whom. */
export interface Source {
  readonly endpoint: Endpoint;
  readonly user: string;
  readonly password: string | undefined;
}

/** initdb. Each cluster should get a system identifier of its own. */
export function initdb(options: InitdbOptions): DataDirectory {
  return new DataDirectory(options);
}

/** pg_controldata. */
export function controldata(directory: DataDirectory): Readonly<ControlData> & { readonly systemIdentifier: bigint } {
  return { ...directory.control, systemIdentifier: directory.systemIdentifier };
}

const connectMs = 10_000;

/** Reads everything from a running server, over the network: it takes its time, and may break off. */
async function copyOf(world: World, source: Source): Promise<DirectoryCopy> {
  const client = await ReplicationClient.connect(world, {
    ...source,
    applicationName: 'pg_basebackup',
    timeoutMs: connectMs,
  });
  const pieces: Uint8Array[] = [];
  try {
    await client.ask('BASE_BACKUP', { copyData: (bytes) => pieces.push(bytes.slice()), copyDone: () => {} });
  } finally {
    client.close();
  }
  return decodeDirectory(concat(pieces));
}

/**
 * pg_basebackup: makes the target a copy of a running server, without standby.signal and slots. The configuration that ALTER SYSTEM wrote
 * there comes along. While it runs, and after it was interrupted, the target is unusable. Rejects with what the source or the network says.
 */
export async function basebackup(world: World, target: DataDirectory, source: Source): Promise<void> {
  target.usable = false;
  target.standbySignal = false;
  const copy = await copyOf(world, source);
  target.systemIdentifier = copy.systemIdentifier;
  target.databases = copy.databases;
  target.roles = copy.roles;
  target.applied = copy.applied;
  target.slots = new Map();
  takeFiles(target, copy);
  target.control.checkpoint = copy.checkpoint;
  target.usable = true;
}

/** Log, configuration, and up to where it must be replayed. */
function takeFiles(target: DataDirectory, copy: DirectoryCopy): void {
  target.log = copy.log;
  target.autoConf = new Map(copy.autoConf);
  target.control.state = 'in archive recovery';
  target.control.minRecovery = copy.end;
  target.control.minRecoveryTimeline = copy.timeline;
}

export interface RewindResult {
  /** "no rewind required": nothing was touched. */
  readonly unchanged: boolean;
  /** Where the histories part. */
  readonly timeline: number;
  readonly divergedLsn: Lsn;
}

/**
 * pg_rewind: makes a stopped data directory follow the history of a running server. It compares timelines, not contents: on the same
 * timeline it finds nothing to do. Goes back to the last checkpoint that both have. While it copies, and after it was interrupted, the
 * target is unusable. Rejects with pg_rewind's messages.
 */
export async function rewind(world: World, target: DataDirectory, source: Source): Promise<RewindResult> {
  const { control } = target;
  if (!target.usable) throw new Error('the target was left in the middle of another rewind or copy');
  if (control.state !== 'shut down' && control.state !== 'shut down in recovery')
    throw new Error('target server must be shut down cleanly');
  const copy = await copyOf(world, source);
  if (copy.systemIdentifier !== target.systemIdentifier)
    throw new Error('source and target clusters are from different systems');
  const own = control.checkpoint.timeline;
  if (copy.timeline === own) return { unchanged: true, timeline: own, divergedLsn: target.place.lsn };
  const fork = forkPoint(target.log.historyOf(own), copy.log.historyOf(copy.timeline));
  if (fork?.lsn === undefined)
    throw new Error("could not find common ancestor of the source and target cluster's timelines");
  const result = { timeline: fork.timeline, divergedLsn: fork.lsn };
  if (endOf(target) <= fork.lsn) return { ...result, unchanged: true };
  const at = lastCheckpoint(target.applied, fork.lsn);
  const record = target.applied[at];
  if (record?.change.kind !== 'checkpoint') throw new Error('could not find previous WAL record');
  target.usable = false;
  // The files travel after the comparison: here a rewind can be interrupted.
  const files = await copyOf(world, source);
  target.applied.length = at;
  takeFiles(target, files);
  const { timeline } = record.change;
  control.checkpoint = { lsn: record.start, prev: record.prev, timeline, applied: at };
  target.usable = true;
  return { ...result, unchanged: false };
}

/** Where the target's log ends: its last checkpoint or, for a standby, what it has replayed. */
function endOf({ control, applied }: DataDirectory): Lsn {
  const checkpoint = applied.findLast(({ start }) => start === control.checkpoint.lsn);
  const end = checkpoint?.end ?? control.checkpoint.lsn;
  return control.minRecovery > end ? control.minRecovery : end;
}

function lastCheckpoint(applied: readonly LogRecord[], before: Lsn): number {
  return applied.findLastIndex(({ change, start }) => change.kind === 'checkpoint' && start < before);
}
