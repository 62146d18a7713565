import type { Section } from '../section.ts';
import { duration, timeout } from '../setting.ts';

/** `[timeouts]`: how long things may take; milliseconds here. */
export interface TimeoutsSection {
  /** From the connect to the end of authentication. */
  readonly loginTimeout?: number;
  /** How long a session waits for a backend before it is refused. */
  readonly queryWaitTimeout?: number;
  /** How long a session waits for a pooler that cannot be reached. */
  readonly poolerWaitTimeout?: number;
  /** An unused backend is closed after this long. */
  readonly backendIdleTimeout?: number;
  /** A login at Postgres takes at most this long. */
  readonly backendLoginTimeout?: number;
}

export const timeoutsSection: Section<TimeoutsSection> = {
  loginTimeout: duration('100ms', '1h'),
  queryWaitTimeout: duration('1ms', '1d'),
  poolerWaitTimeout: duration('1ms', '1h'),
  backendIdleTimeout: timeout('30d'),
  backendLoginTimeout: duration('100ms', '10min'),
};
