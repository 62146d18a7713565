import type { Section } from '../section.ts';
import { duration, timeout } from '../setting.ts';

/** `[timeouts]`: how long things may take; milliseconds here. */
export interface TimeoutsSection {
  /** Nothing is asked for, outside a transaction. */
  readonly idleSessionTimeout?: number;
  /** A transaction is open and nothing is asked for. */
  readonly idleInTransactionSessionTimeout?: number;
  /** What ends with one Sync, or is one Query. */
  readonly statementTimeout?: number;
  readonly transactionTimeout?: number;
  /** On SIGTERM, transactions get this long to end. */
  readonly drainTimeout?: number;
  /** From the connect to the end of authentication. */
  readonly loginTimeout?: number;
  /** How long a session waits for a backend before it is refused. */
  readonly queryWaitTimeout?: number;
  /** How long a session waits for a pooler that cannot be reached. */
  readonly poolerWaitTimeout?: number;
  /** An unused backend is closed after this long. */
  readonly backendIdleTimeout?: number;
  /** A backend is replaced after about this long, as soon as it is free. */
  readonly backendLifetime?: number;
  /** A backend that was not used for this long is asked for a sign of life. */
  readonly backendCheckInterval?: number;
  /** While the first in line has waited for longer, whoever would have to wait for a backend is refused at once. */
  readonly queryShedTimeout?: number;
  /** A login at Postgres takes at most this long. */
  readonly backendLoginTimeout?: number;
}

export const timeoutsSection: Section<TimeoutsSection> = {
  idleSessionTimeout: timeout('30d'),
  idleInTransactionSessionTimeout: timeout('30d'),
  statementTimeout: timeout('30d'),
  transactionTimeout: timeout('30d'),
  drainTimeout: timeout('1d'),
  loginTimeout: duration('100ms', '1h'),
  queryWaitTimeout: duration('1ms', '1d'),
  poolerWaitTimeout: duration('1ms', '1h'),
  backendIdleTimeout: timeout('30d'),
  backendLifetime: timeout('365d'),
  backendCheckInterval: timeout('30d'),
  queryShedTimeout: timeout('1d'),
  backendLoginTimeout: duration('100ms', '10min'),
};
