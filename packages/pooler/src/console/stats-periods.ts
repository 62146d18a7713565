import { noTotals, type Totals } from '../pool/pool-tally.ts';

/** As PgBouncer's `stats_period`: averages are those of the last one that is over. */
export const statsPeriodMs = 60_000;

/** Per second, but for the times, which are per transaction, statement or wait. */
export interface Averages {
  readonly transactions: number;
  readonly groups: number;
  readonly groupMs: number;
  readonly waits: number;
  readonly waitMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

interface Reading {
  readonly atMs: number;
  readonly totals: ReadonlyMap<string, Totals>;
}

/** Keeps two readings of the totals, a period apart or a little more. */
export class StatsPeriods {
  #before: Reading;
  #last: Reading;

  constructor(nowMs: number) {
    this.#last = { atMs: nowMs, totals: new Map() };
    this.#before = this.#last;
  }

  /** To be called several times a period; reads the totals when one is over. */
  look(nowMs: number, totals: () => ReadonlyMap<string, Totals>): void {
    if (nowMs - this.#last.atMs < statsPeriodMs) return;
    this.#before = this.#last;
    this.#last = { atMs: nowMs, totals: totals() };
  }

  /** Zeros until the first period is over. */
  averages(database: string): Averages {
    const seconds = Math.max(1, this.#last.atMs - this.#before.atMs) / 1000;
    const from = this.#before.totals.get(database) ?? noTotals;
    const to = this.#last.totals.get(database) ?? from;
    const rate = (name: keyof Totals): number => (to[name] - from[name]) / seconds;
    const each = (name: keyof Totals, count: keyof Totals): number =>
      (to[name] - from[name]) / Math.max(1, to[count] - from[count]);
    return {
      transactions: rate('transactions'),
      groups: rate('groups'),
      groupMs: each('groupMs', 'groups'),
      waits: rate('waits'),
      waitMs: each('waitMs', 'waits'),
      bytesSent: rate('bytesSent'),
      bytesReceived: rate('bytesReceived'),
    };
  }
}
