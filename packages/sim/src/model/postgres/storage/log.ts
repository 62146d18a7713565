import type { Lsn } from '@multigres/core';

import type { Xid } from './commit-log.ts';
import type { TableShape } from './relation.ts';
import type { Row } from './value.ts';

/** A change, as the write-ahead log records it. Replaying all of them in order gives the store. */
export type Change =
  | { readonly kind: 'insert'; readonly xid: Xid; readonly heap: number; readonly tid: number; readonly values: Row }
  | {
      readonly kind: 'update';
      readonly xid: Xid;
      readonly heap: number;
      readonly from: number;
      readonly to: number;
      readonly values: Row;
    }
  | { readonly kind: 'delete'; readonly xid: Xid; readonly heap: number; readonly tid: number }
  | {
      readonly kind: 'create';
      readonly xid: Xid;
      readonly database: string;
      readonly oid: number;
      readonly heap: number;
      readonly shape: TableShape;
    }
  | { readonly kind: 'drop'; readonly xid: Xid; readonly database: string; readonly oid: number }
  | {
      readonly kind: 'truncate';
      readonly xid: Xid;
      readonly database: string;
      readonly oid: number;
      readonly heap: number;
    }
  /** Not transactional: a sequence never goes back, whoever rolls back. */
  | {
      readonly kind: 'sequence';
      readonly database: string;
      readonly oid: number;
      readonly last: bigint;
      readonly called: boolean;
    }
  | { readonly kind: 'commit'; readonly xids: readonly Xid[] }
  | { readonly kind: 'abort'; readonly xids: readonly Xid[] };

export interface LogRecord {
  /** Where it ends; a flush up to here makes it durable. */
  readonly end: Lsn;
  readonly change: Change;
}

/** Where a new cluster's log begins: the second segment, as after initdb. */
const logStart = 0x1000000n as Lsn;

/**
 * The write-ahead log of one server and what of it is durable. It outlives the server's processes: hand the same log to the next life.
 * (PostgreSQL documentation, "Reliability and the Write-Ahead Log".)
 */
export class WriteAheadLog {
  readonly #records: LogRecord[] = [];
  #insert: Lsn = logStart;
  #flushed: Lsn = logStart;

  get records(): readonly LogRecord[] {
    return this.#records;
  }

  /** pg_current_wal_insert_lsn(). */
  get insertLsn(): Lsn {
    return this.#insert;
  }

  /** pg_current_wal_flush_lsn(). */
  get flushedLsn(): Lsn {
    return this.#flushed;
  }

  append(change: Change): Lsn {
    this.#insert = (this.#insert + BigInt(sizeOf(change))) as Lsn;
    this.#records.push({ end: this.#insert, change });
    return this.#insert;
  }

  flushTo(lsn: Lsn): void {
    if (lsn > this.#flushed) this.#flushed = lsn;
  }

  /**
   * The power goes, or every process dies: records that were not flushed survive as a prefix of any length. `keep` chooses how many of
   * `count` unflushed records do.
   */
  loseUnflushed(keep: (count: number) => number): void {
    let durable = this.#records.length;
    while (durable > 0 && (this.#records[durable - 1] as LogRecord).end > this.#flushed) durable -= 1;
    const kept = durable + keep(this.#records.length - durable);
    this.#records.length = kept;
    this.#insert = kept === 0 ? logStart : (this.#records[kept - 1] as LogRecord).end;
    this.#flushed = this.#insert;
  }
}

/** Plausible sizes, so that positions advance as they do in Postgres: a header of 24 bytes, the row, aligned to 8. */
function sizeOf(change: Change): number {
  const payload = 'values' in change ? 32 + 12 * change.values.length : 24;
  return (24 + payload + 7) & ~7;
}
