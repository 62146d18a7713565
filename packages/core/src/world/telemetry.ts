export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | bigint | undefined>>;

/** Structured logs. Never a password, a key, or a literal of a statement. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
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
}
