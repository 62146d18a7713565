import type { SeedResult } from './messages.ts';

/** What many seeds showed together. */
export interface Summary {
  readonly runs: number;
  readonly failed: number;
  readonly verdict: 'ok' | 'failed';
  readonly clusterSeconds: number;
  readonly events: number;
  readonly acknowledgedWrites: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** Failing seeds by the oracle that saw them first. */
  readonly failures: Readonly<Record<string, readonly number[]>>;
  /** In how many runs each rare state was reached. */
  readonly coverage: Readonly<Record<string, number>>;
}

/** Adds results up as they come. */
export class SummaryBuilder {
  readonly #failures = new Map<string, number[]>();
  readonly #coverage = new Map<string, number>();
  readonly #operations = { ok: 0, failed: 0, unknown: 0 };
  runs = 0;
  failed = 0;
  clusterSeconds = 0;
  events = 0;
  #writes = 0;

  add(result: SeedResult): void {
    this.runs += 1;
    this.clusterSeconds += result.clusterSeconds;
    this.events += result.events;
    this.#writes += result.acknowledgedWrites;
    for (const fate of ['ok', 'failed', 'unknown'] as const) this.#operations[fate] += result.operations[fate];
    for (const id of Object.keys(result.coverage)) this.#coverage.set(id, (this.#coverage.get(id) ?? 0) + 1);
    if (result.verdict === 'ok') return;
    this.failed += 1;
    const oracle = oracleOf(result);
    this.#failures.set(oracle, [...(this.#failures.get(oracle) ?? []), result.seed]);
  }

  /** How many failures the same oracle has seen so far. */
  failuresLike(result: SeedResult): number {
    return this.#failures.get(oracleOf(result))?.length ?? 0;
  }

  build(): Summary {
    return {
      runs: this.runs,
      failed: this.failed,
      verdict: this.failed === 0 ? 'ok' : 'failed',
      clusterSeconds: Math.round(this.clusterSeconds),
      events: this.events,
      acknowledgedWrites: this.#writes,
      operations: this.#operations,
      failures: sorted(this.#failures),
      coverage: sorted(this.#coverage),
    };
  }
}

function oracleOf(result: SeedResult): string {
  return result.failures[0]?.oracle ?? 'none';
}

function sorted<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The object that scripts read for one run. */
export function jsonOfResult(result: SeedResult): object {
  const { seed, scenario, verdict, hash, clusterSeconds, events, users, faults, operations, acknowledgedWrites } =
    result;
  const failures = result.failures.map(({ oracle, sentence, atMs }) => ({ oracle, sentence, atMs }));
  const base = { seed, verdict, hash, clusterSeconds, scenario, events, users, faults, operations, acknowledgedWrites };
  return failures.length === 0 ? base : { ...base, failures };
}
