/** The names and values that tell a metric's series apart. Names are few and fixed per metric; values never hold a literal of a statement. */
export type Labels = Readonly<Record<string, string>>;

/** Only grows, from 0; exact up to 2^53. */
export interface Counter {
  readonly value: number;
  /** `n` is at least 0; default 1. */
  add(n?: number): void;
}

/** What is so now. */
export interface Gauge {
  readonly value: number;
  set(value: number): void;
  /** `n` may be negative. */
  add(n: number): void;
}

/** How long things took, in the buckets of `bucketBoundsSeconds`. */
export interface Histogram {
  readonly count: number;
  readonly sumSeconds: number;
  /** One thing took `ms` milliseconds; what is negative or no number counts as 0. */
  recordMs(ms: number): void;
  /** Below this many seconds lies the share `q` (0 to 1) of all, to a bucket's width; 0 when there is nothing. */
  quantileSeconds(q: number): number;
}

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** One series as it is now: plain data that may travel to another process. */
export interface Sample {
  readonly labels: Labels;
  /** The value; of a histogram the sum, in seconds. */
  readonly value: number;
  /** Of a histogram: how many per bucket (not cumulative), one more than there are bounds. */
  readonly buckets?: readonly number[];
}

/** All series of one name. */
export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Takes one series while somebody reads; what is reported twice under equal labels is added up. */
export type Report = (value: number, labels?: Labels) => void;

/**
 * Numbers about what happens, for operators (Prometheus), views and oracles. Names follow Prometheus's conventions
 * (prometheus.io/docs/practices/naming): `multigres_` and the component in front, the base unit (`_seconds`, `_bytes`) at the end, `_total` behind
 * counters.
 *
 * Make an instrument once and keep it: `add`, `set` and `recordMs` cost a few nanoseconds and no memory, making one a look-up by text.
 *
 * Contract (`contract/telemetry-contract.ts`): asking again for the same name and labels answers the same instrument; a name that was taken with
 * another type or other label names is refused by assertion, and so is one that Prometheus would not take. A name has at most `seriesMax` series: whoever
 * would be the next one shares a series whose labels all say `other`. Nothing here waits, fails or reads a clock.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter;
  /** Counters told apart by one label whose values are not known before (SQLSTATEs, users): each is made when it is first asked for. */
  counters(name: string, help: string, label: string): (value: string) => Counter;
  gauge(name: string, help: string, labels?: Labels): Gauge;
  /** The name ends in `_seconds`. */
  histogram(name: string, help: string, labels?: Labels): Histogram;
  /** For what is counted elsewhere already, or comes and goes: `read` is called whenever somebody reads, and only then. Several readers of one name add up. */
  observe(type: 'counter' | 'gauge', name: string, help: string, read: (report: Report) => void): void;
  /** Everything, sorted by name. */
  families(): readonly MetricFamily[];
}

/** Series of one name; who comes later is counted as `other`. */
export const seriesMax = 200;
