import type { Lsn } from '@multigres/core';

import type { RoleOptions } from '../session/host.ts';
import { WriteAheadLog, logStart, type LogPlace } from './log.ts';
import type { Change, LogRecord } from './log-record.ts';
import { newestOf, type TimelineHistory } from './timeline-history.ts';

/** As pg_controldata tells it ("Database cluster state"). */
export type ClusterState = 'shut down' | 'shut down in recovery' | 'in production' | 'in archive recovery';

/** Where recovery begins. */
export interface Checkpoint extends LogPlace {
  readonly timeline: number;
  /** How many records the data files hold at least: those before this place. */
  readonly applied: number;
}

/** global/pg_control. */
export interface ControlData {
  state: ClusterState;
  checkpoint: Checkpoint;
  /** A standby must have replayed up to here before anybody may look at it. */
  minRecovery: Lsn;
  minRecoveryTimeline: number;
}

/** A physical replication slot. */
export interface Slot {
  readonly name: string;
  /** Undefined until it was used, unless it was made to reserve log at once. */
  restartLsn: Lsn | undefined;
  activePid: number | undefined;
}

export interface InitdbOptions {
  /** By default a fixed one. */
  readonly systemIdentifier?: bigint;
  /** Default `postgres`. */
  readonly databases?: readonly string[];
  /** Default: a superuser `postgres`. */
  readonly roles?: readonly RoleOptions[];
  /** How much one file of the log holds; small ones make more boundaries. Default 16 MB. */
  readonly segmentBytes?: number;
}

/**
 * A data directory: all of a server that outlives its processes. The data files are kept as the sequence of records whose effects they
 * have, which is not the same as the log: a log can be overwritten.
 */
export class DataDirectory {
  systemIdentifier: bigint;
  databases: readonly string[];
  /** Those that initdb made. */
  roles: readonly RoleOptions[];
  log: WriteAheadLog;
  control: ControlData;
  /** What memory and data files hold, in the order of replay. After a crash only what the last checkpoint had is sure. */
  applied: LogRecord[] = [];
  /** standby.signal. */
  standbySignal = false;
  /** postgresql.auto.conf. */
  autoConf: Map<string, string> = new Map();
  slots: Map<string, Slot> = new Map();
  /** A rewind or a copy was interrupted: no server starts on it. */
  usable = true;

  constructor(options: InitdbOptions = {}) {
    this.systemIdentifier = options.systemIdentifier ?? 7_000_000_000_000_000_000n;
    this.databases = options.databases ?? ['postgres'];
    this.roles = options.roles ?? [{ name: 'postgres', superuser: true }];
    this.log = new WriteAheadLog(options.segmentBytes === undefined ? undefined : BigInt(options.segmentBytes));
    const checkpoint: Checkpoint = { lsn: logStart, prev: 0n as Lsn, timeline: 1, applied: 0 };
    this.control = { state: 'shut down', checkpoint, minRecovery: 0n as Lsn, minRecoveryTimeline: 0 };
    this.checkpoint(true);
  }

  /** Up to where the data files and memory have everything. */
  get place(): LogPlace {
    const last = this.applied.at(-1);
    return last === undefined ? { lsn: logStart, prev: 0n as Lsn } : { lsn: last.end, prev: last.start };
  }

  /** A server that leads does and records something at once. */
  append(change: Change): Lsn {
    const record = this.log.append(change);
    this.applied.push(record);
    return record.end;
  }

  /** A checkpoint of a server that leads. Everything recorded before is durable, and recovery begins here from now on. */
  checkpoint(shutdown: boolean): void {
    const { timeline } = this.log;
    const checkpoint: Checkpoint = { ...this.place, timeline, applied: this.applied.length };
    const end = this.append({ kind: 'checkpoint', timeline, shutdown });
    this.log.flushTo(end);
    this.control.checkpoint = checkpoint;
    this.control.minRecovery = 0n as Lsn;
    this.control.minRecoveryTimeline = 0;
    if (shutdown) this.control.state = 'shut down';
  }

  /** A standby makes the last checkpoint that it has replayed its own ("restartpoint"). */
  restartpoint(): void {
    const at = this.applied.findLastIndex(({ change }) => change.kind === 'checkpoint');
    const record = this.applied[at];
    const { control } = this;
    if (record?.change.kind !== 'checkpoint' || at <= control.checkpoint.applied) return;
    const { timeline } = record.change;
    control.checkpoint = { lsn: record.start, prev: record.prev, timeline, applied: at };
    this.noteRecovered();
  }

  /** What is on disk now must be replayed again before a standby shows anything. */
  noteRecovered(): void {
    this.control.minRecovery = this.place.lsn;
  }

  /** The processes are gone, and with them what was only in memory. */
  forgetMemory(): void {
    this.applied.length = Math.min(this.applied.length, this.control.checkpoint.applied);
    for (const slot of this.slots.values()) slot.activePid = undefined;
  }

  /** From which timeline recovery takes its course: the newest that is known here, for a standby; else its own. */
  recoveryHistory(latest: boolean): TimelineHistory {
    const { checkpoint, minRecoveryTimeline } = this.control;
    const own = Math.max(checkpoint.timeline, minRecoveryTimeline);
    return this.log.historyOf(latest ? this.log.newestTimeline(own) : own);
  }

  /** Whether a recovery along this history passes through where the data files stand. */
  isAncestor(history: TimelineHistory): boolean {
    const { checkpoint } = this.control;
    const entry = history.find(({ timeline }) => timeline === checkpoint.timeline);
    if (entry === undefined) return newestOf(history).timeline === checkpoint.timeline;
    return entry.end === undefined || checkpoint.lsn <= entry.end;
  }
}
