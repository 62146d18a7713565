import { type Log, type PgError } from '@multigres/core';

/** What of sessions is logged; may be changed while they go on. */
export interface SessionLogOptions {
  /** Also those that go well, as PostgreSQL's `log_connections` and `log_disconnections`. Failed logins are always logged. */
  readonly connections: boolean;
}

/** Who a line is about. */
export interface SessionFields {
  /** The process id that the client was told, which it shows in its own logs; unique in a gateway. */
  readonly session: number;
  readonly user: string;
  readonly database: string;
}

/** Class 28, "invalid authorization specification". */
const isAuthorization = (sqlstate: string): boolean => sqlstate.startsWith('28');

/** Lines about sessions: never a password, never a literal of a statement. */
export class SessionLog {
  options: SessionLogOptions;
  readonly #log: Log;

  constructor(log: Log, options: SessionLogOptions) {
    this.#log = log;
    this.options = options;
  }

  started(who: SessionFields, remote: string, settings: readonly (readonly [name: string, value: string])[]): void {
    if (!this.options.connections) return;
    const applicationName = settings.find(([name]) => name === 'application_name')?.[1];
    this.#log.info('session started', { ...who, remote, applicationName });
  }

  /** `reason`: the SQLSTATE that it was told, or client. */
  ended(who: SessionFields, reason: string, lastedS: number): void {
    if (this.options.connections) this.#log.info('session ended', { ...who, reason, lastedS });
  }

  /** Somebody was not let in. What they sent is not repeated but for their name. */
  loginFailed(who: Partial<SessionFields>, remote: string, error: PgError): void {
    const { sqlstate, message } = error.report;
    this.#log[isAuthorization(sqlstate) ? 'warn' : 'info']('login failed', {
      ...who,
      remote,
      sqlstate,
      reason: message,
    });
  }

  slow(who: SessionFields, durationMs: number, failed: boolean, statement: string): void {
    this.#log.info('slow statement', { ...who, durationMs: Math.round(durationMs * 10) / 10, failed, statement });
  }

  /** The gateway itself told a session that something cannot be, and the session goes on. */
  refused(who: SessionFields, sqlstate: string): void {
    this.#log.debug('statement refused', { ...who, sqlstate });
  }
}
