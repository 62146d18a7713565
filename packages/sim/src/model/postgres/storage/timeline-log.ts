import type { Lsn } from '@multigres/core';

import type { LogRecord } from './log-record.ts';

/**
 * The files of one timeline in pg_wal: records by position. The one who leads appends; a follower writes what it receives, over whatever
 * stood there before.
 */
export class TimelineLog {
  readonly timeline: number;
  /** Where its first file begins. */
  readonly begin: Lsn;
  #records: LogRecord[] = [];
  /** All before is written: where appending goes on. */
  #written: Lsn;
  #flushed: Lsn;

  constructor(timeline: number, begin: Lsn) {
    this.timeline = timeline;
    this.begin = begin;
    this.#written = begin;
    this.#flushed = begin;
  }

  get written(): Lsn {
    return this.#written;
  }

  get flushed(): Lsn {
    return this.#flushed;
  }

  get records(): readonly LogRecord[] {
    return this.#records;
  }

  append(record: LogRecord): void {
    this.#records.push(record);
    this.#written = record.end;
  }

  flushTo(lsn: Lsn): void {
    if (lsn > this.#flushed) this.#flushed = lsn;
  }

  /** Appending begins in the middle of the first file: what a promotion or the very first start does. */
  startAt(lsn: Lsn): void {
    if (lsn > this.#written) this.#written = lsn;
    this.flushTo(lsn);
  }

  /** A received record takes its place. What it overlaps is gone; what stands behind it stays, as old bytes in a file do. */
  write(record: LogRecord): void {
    const at = this.#indexAt(record.start);
    const there = this.#records[at];
    if (there?.start === record.start && there.end === record.end && isSame(there, record)) return;
    let from = at;
    if (from > 0 && (this.#records[from - 1] as LogRecord).end > record.start) from -= 1;
    let to = from;
    while (to < this.#records.length && (this.#records[to] as LogRecord).start < record.end) to += 1;
    if (from === this.#records.length) this.#records.push(record);
    else this.#records.splice(from, to - from, record);
    if (record.end > this.#written) this.#written = record.end;
    if (this.#flushed > record.start) this.#flushed = record.start;
  }

  /** The record that starts at a position. */
  at(start: Lsn): LogRecord | undefined {
    const record = this.#records[this.#indexAt(start)];
    return record?.start === start ? record : undefined;
  }

  /** Records from the first that starts at or after a position. */
  indexFrom(start: Lsn): number {
    return this.#indexAt(start);
  }

  /** See `WriteAheadLog.loseUnflushed`. */
  loseUnflushed(keep: (count: number) => number): void {
    let durable = this.#records.length;
    while (durable > 0 && (this.#records[durable - 1] as LogRecord).end > this.#flushed) durable -= 1;
    const kept = durable + keep(this.#records.length - durable);
    this.#records.length = kept;
    const last = this.#records.at(-1)?.end ?? this.begin;
    this.#written = last > this.#flushed ? last : this.#flushed;
    this.#flushed = this.#written;
  }

  /** Forgets what starts at or after a position. */
  truncate(lsn: Lsn): void {
    this.#records.length = this.#indexAt(lsn);
    this.#written = lsn;
    if (this.#flushed > lsn) this.#flushed = lsn;
  }

  /** The index of the first record that starts at or after a position. */
  #indexAt(start: Lsn): number {
    const last = this.#records.at(-1);
    if (last === undefined || last.start < start) return this.#records.length;
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#records[middle] as LogRecord).start < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Received again, a record is another object; its bytes tell. */
function isSame(a: LogRecord, b: LogRecord): boolean {
  if (a === b) return true;
  if (a.prev !== b.prev || a.bytes === undefined || b.bytes === undefined || a.bytes.length !== b.bytes.length)
    return false;
  for (let i = 0; i < a.bytes.length; i++) if (a.bytes[i] !== b.bytes[i]) return false;
  return true;
}
