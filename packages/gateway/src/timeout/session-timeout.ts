import type { PgError } from '@multigres/core';
import { idleInTransactionTimeout, idleSessionTimeout, statementTimeout, transactionTimeout } from '../errors.ts';

/**
 * How long a session may take for what, in milliseconds; 0 is no limit. They mean what PostgreSQL's settings of these names mean ("Client
 * Connection Defaults", "Statement Behavior"), counted in the gateway, whatever the client has set for itself.
 */
export interface SessionTimeouts {
  /** `idle_session_timeout`: nothing is asked for, outside a transaction. */
  readonly idleSessionMs: number;
  /** `idle_in_transaction_session_timeout`: a transaction is open and nothing is asked for. */
  readonly idleInTransactionMs: number;
  /** `statement_timeout`, for what ends with one Sync (or is one Query), from when what stood before it was answered. */
  readonly statementMs: number;
  /** `transaction_timeout`: from the first statement of a transaction to its end. */
  readonly transactionMs: number;
}

/** What a session is doing, and since when; milliseconds of one clock. */
export interface SessionActivity {
  readonly state: 'idle' | 'idleInTransaction' | 'active' | 'betweenMessages';
  readonly sinceMs: number;
  /** When its transaction began, which may be one statement's own; undefined outside of any. */
  readonly transactionSinceMs: number | undefined;
}

/** What is to become of a session that takes too long: it ends with this error, or its statement is cancelled and fails with it. */
export interface Overdue {
  readonly act: 'end' | 'cancel';
  readonly error: PgError;
}

/**
 * PostgreSQL asks the transaction first: its end is the end of the statement, too. A statement that runs is never just left: it might commit after
 * its client was told that it did not.
 */
export function overdue(activity: SessionActivity, nowMs: number, limits: SessionTimeouts): Overdue | undefined {
  const { state, sinceMs, transactionSinceMs } = activity;
  const isOver = (fromMs: number, limitMs: number): boolean => limitMs > 0 && nowMs - fromMs >= limitMs;
  const act = state === 'active' ? 'cancel' : 'end';
  if (transactionSinceMs !== undefined && isOver(transactionSinceMs, limits.transactionMs))
    return { act, error: transactionTimeout() };
  if (state === 'active' && isOver(sinceMs, limits.statementMs)) return { act, error: statementTimeout() };
  if (state === 'idleInTransaction' && isOver(sinceMs, limits.idleInTransactionMs))
    return { act, error: idleInTransactionTimeout() };
  if (state === 'idle' && isOver(sinceMs, limits.idleSessionMs)) return { act, error: idleSessionTimeout() };
  return undefined;
}
