import type { Metrics } from './metrics.ts';
import type { Tracing } from './tracing.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | bigint | undefined>>;

/**
 * Structured logs. Never a password, a key, or a literal of a statement.
 *
 * Contract (`contract/telemetry-contract.ts`): one call is one line, whatever characters are in it, in the order of the calls; a field that is
 * undefined is left out; big integers keep their digits (as text where the format has none). Logging never throws and never waits.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line; of equal names the innermost wins, the line's own last. */
  with(fields: LogFields): Log;
}

/**
 * Questions that only the simulator answers with yes, and remarks that only it collects. In production each is one call of an empty function.
 */
export interface Probe {
  /** Should this site now misbehave within its contract (be slow, take the rare branch)? Always false in production. */
  maybe(site: string): boolean;
  /** This rare state was reached: coverage, summed over seeds. */
  sometimes(id: string, condition?: boolean): void;
}

export interface Telemetry {
  readonly log: Log;
  readonly probe: Probe;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
}
