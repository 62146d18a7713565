import type { Backend } from '../backend/backend.ts';

/** What happened since the pooler started. Bytes are those between pooler and Postgres. */
export interface Totals {
  readonly transactions: number;
  /** Groups: a Query, a FunctionCall, or what a Sync ends. */
  readonly groups: number;
  /** How long Postgres was at work on them. */
  readonly groupMs: number;
  /** How often somebody had to wait for a backend, and how long altogether. */
  readonly waits: number;
  readonly waitMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

type Traffic = Pick<Backend, 'bytesSent' | 'bytesReceived'>;

/** Counts for one pool; plain fields, because the first three change with every query. */
export class PoolTally {
  transactions = 0;
  groups = 0;
  groupMs = 0;
  waits = 0;
  waitMs = 0;
  /** Of backends that are gone. */
  #bytesSent = 0;
  #bytesReceived = 0;

  ended(ms: number, inTransaction: boolean): void {
    this.groups += 1;
    this.groupMs += ms;
    if (!inTransaction) this.transactions += 1;
  }

  waited(ms: number): void {
    this.waits += 1;
    this.waitMs += ms;
  }

  lost({ bytesSent, bytesReceived }: Traffic): void {
    this.#bytesSent += bytesSent;
    this.#bytesReceived += bytesReceived;
  }

  /** `backends`: those that are there. */
  totals(backends: Iterable<Traffic>): Totals {
    let bytesSent = this.#bytesSent;
    let bytesReceived = this.#bytesReceived;
    for (const backend of backends) {
      bytesSent += backend.bytesSent;
      bytesReceived += backend.bytesReceived;
    }
    const { transactions, groups, groupMs, waits, waitMs } = this;
    return { transactions, groups, groupMs, waits, waitMs, bytesSent, bytesReceived };
  }
}

export const noTotals: Totals = new PoolTally().totals([]);

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    transactions: a.transactions + b.transactions,
    groups: a.groups + b.groups,
    groupMs: a.groupMs + b.groupMs,
    waits: a.waits + b.waits,
    waitMs: a.waitMs + b.waitMs,
    bytesSent: a.bytesSent + b.bytesSent,
    bytesReceived: a.bytesReceived + b.bytesReceived,
  };
}
