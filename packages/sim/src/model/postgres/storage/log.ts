import type { Lsn } from '@multigres/core';

import { sizeOf, type Change, type LogRecord } from './log-record.ts';
import { branch, newestOf, originOf, type HistoryEntry, type TimelineHistory } from './timeline-history.ts';
import { TimelineLog } from './timeline-log.ts';

/** Where a new cluster's log begins: the second segment of 16 MB, as after initdb. */
export const logStart = 0x1000000n as Lsn;

/** A place in the log between two records. */
export interface LogPlace {
  /** Where the next record starts. */
  readonly lsn: Lsn;
  /** Where the one before it starts. */
  readonly prev: Lsn;
}

/** A record, and the timeline in whose file it was found. */
export interface FoundRecord {
  readonly record: LogRecord;
  readonly timeline: number;
}

/**
 * pg_wal: the write-ahead log of one data directory, its timelines and their history files, and what of it is durable. It outlives the
 * server's processes. (PostgreSQL documentation, "Reliability and the Write-Ahead Log".)
 */
export class WriteAheadLog {
  /** How much one file holds; where receiving starts is rounded down to it. */
  readonly segmentBytes: bigint;
  readonly #logs: Map<number, TimelineLog> = new Map();
  readonly #histories: Map<number, TimelineHistory> = new Map();
  /** Where records are appended. */
  #current: TimelineLog;
  #last: Lsn = 0n as Lsn;
  #flushedListeners: Set<() => void> = new Set();

  constructor(segmentBytes = 0x1000000n) {
    this.segmentBytes = segmentBytes;
    this.#current = this.logOf(1, logStart);
  }

  /** No files at all: a copy fills it. */
  static empty(segmentBytes: bigint): WriteAheadLog {
    const log = new WriteAheadLog(segmentBytes);
    log.#logs.clear();
    return log;
  }

  /** The timeline on which records are appended. */
  get timeline(): number {
    return this.#current.timeline;
  }

  /** pg_current_wal_insert_lsn(). */
  get insertLsn(): Lsn {
    return this.#current.written;
  }

  /** pg_current_wal_flush_lsn(). */
  get flushedLsn(): Lsn {
    return this.#current.flushed;
  }

  append(change: Change): LogRecord {
    const start = this.#current.written;
    const end = (start + BigInt(sizeOf(change))) as Lsn;
    const record: LogRecord = { start, end, prev: this.#last, change };
    this.#current.append(record);
    this.#last = start;
    return record;
  }

  flushTo(lsn: Lsn): void {
    if (lsn <= this.#current.flushed) return;
    this.#current.flushTo(lsn);
    for (const listener of this.#flushedListeners) listener();
  }

  /** Calls when more has become durable, until the answered function is called. */
  onFlushed(listener: () => void): () => void {
    this.#flushedListeners.add(listener);
    return () => this.#flushedListeners.delete(listener);
  }

  /** The processes that listened are dead. */
  forgetListeners(): void {
    this.#flushedListeners = new Set();
  }

  /**
   * The power goes, or every process dies: records that were not flushed survive as a prefix of any length. `keep` chooses how many of
   * `count` unflushed records do.
   */
  loseUnflushed(keep: (count: number) => number): void {
    for (const log of this.#logs.values()) log.loseUnflushed(keep);
  }

  // Timelines.

  get timelines(): readonly number[] {
    return [...this.#logs.keys()].toSorted((a, b) => a - b);
  }

  segmentStart(lsn: Lsn): Lsn {
    return (lsn - (lsn % this.segmentBytes)) as Lsn;
  }

  find(timeline: number): TimelineLog | undefined {
    return this.#logs.get(timeline);
  }

  /** The files of a timeline; made, beginning with the segment that holds `from`, if there are none. */
  logOf(timeline: number, from: Lsn): TimelineLog {
    const known = this.#logs.get(timeline);
    if (known !== undefined && known.begin <= from) return known;
    const log = new TimelineLog(timeline, this.segmentStart(from));
    for (const record of known?.records ?? []) log.write(record);
    log.startAt(from);
    this.#logs.set(timeline, log);
    return log;
  }

  historyOf(timeline: number): TimelineHistory {
    return this.#histories.get(timeline) ?? originOf(timeline);
  }

  hasHistory(timeline: number): boolean {
    return this.#histories.has(timeline);
  }

  get histories(): readonly TimelineHistory[] {
    return [...this.#histories.values()];
  }

  keepHistory(history: TimelineHistory): void {
    this.#histories.set(newestOf(history).timeline, history);
  }

  /** The newest timeline of which there is a history file, counting up without a gap (findNewestTimeLine). */
  newestTimeline(from: number): number {
    let newest = from;
    while (this.#histories.has(newest + 1)) newest += 1;
    return newest;
  }

  /**
   * The record that follows a place, as recovery looks for it: in the newest timeline of the history that has a file for that segment, and
   * only if it knows the record before it. Undefined where the log ends, or goes on as somebody else's. It never goes back to a timeline
   * below `atLeast`.
   */
  next(place: LogPlace, history: TimelineHistory, atLeast = 0): FoundRecord | undefined {
    const log = this.#fileFor(place.lsn, history, atLeast);
    const record = log?.at(place.lsn);
    return log !== undefined && record?.prev === place.prev ? { record, timeline: log.timeline } : undefined;
  }

  /** The files that recovery reads at a position. */
  #fileFor(lsn: Lsn, history: TimelineHistory, atLeast = 0): TimelineLog | undefined {
    const segment = this.segmentStart(lsn);
    for (let i = history.length - 1; i >= 0; i--) {
      const entry = history[i] as HistoryEntry;
      if (entry.timeline < atLeast) return undefined;
      if (this.segmentStart(entry.begin) > segment) continue;
      const log = this.#logs.get(entry.timeline);
      if (log !== undefined && log.begin <= segment && log.written > segment) return log;
    }
    return undefined;
  }

  /** Goes on appending to a timeline after a place: the end of crash recovery. */
  continueAt(timeline: number, place: LogPlace): void {
    const log = this.logOf(timeline, place.lsn);
    log.truncate(place.lsn);
    log.startAt(place.lsn);
    this.#current = log;
    this.#last = place.prev;
  }

  /** A promotion: a new timeline begins at a place, with a copy of the unfinished segment. */
  branchAt(timeline: number, place: LogPlace, from: TimelineHistory): TimelineHistory {
    const history = branch(from, place.lsn, timeline);
    const segment = this.segmentStart(place.lsn);
    const old = this.#fileFor(place.lsn, from) ?? this.#logs.get(newestOf(from).timeline);
    const log = new TimelineLog(timeline, segment);
    for (const record of old?.records ?? []) {
      if (record.start >= segment && record.end <= place.lsn) log.write(record);
    }
    log.startAt(place.lsn);
    this.#logs.set(timeline, log);
    this.keepHistory(history);
    this.#current = log;
    this.#last = place.prev;
    return history;
  }
}
