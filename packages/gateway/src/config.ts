import type { SessionLogOptions } from './telemetry/session-log.ts';
import type { Endpoint, TlsContext } from '@multigres/core';
import type { ConsoleConfig } from './console/console-config.ts';
import type { RelayTls } from '@multigres/relay';
import type { HbaRule } from './auth/hba/hba-rule.ts';
import type { Users } from './auth/stored-secret.ts';
import type { SessionTimeouts } from './timeout/session-timeout.ts';

/** How clients prove who they are. */
export type AuthPolicy = SecretSources &
  (
    | /** Nobody is asked; Postgres decides at login, and only if it trusts the pooler or the file of users has a password will it let the session in. */
      { readonly kind: 'trust' }
    /** Everybody is asked for SCRAM-SHA-256. */
    | { readonly kind: 'scram' }
    /** The first rule that fits decides; where none does, the client is refused. */
    | { readonly kind: 'hba'; readonly rules: readonly HbaRule[] }
  );

/** What proofs are held against: Postgres's own verifiers, which the pooler looks up, or these. */
export interface SecretSources {
  readonly users?: Users;
  /** Whether a user that is not among `users` is looked up. Without `users` everybody is. */
  readonly lookUp?: boolean;
}

/** TLS for clients that come by TCP; on Unix sockets there is none, as in PostgreSQL. */
export interface GatewayTls {
  /** `require`: who comes without it is refused before any password is asked for. */
  readonly mode: 'allow' | 'require';
  /** Asked anew for each connection, so that certificates can be renewed. */
  context(): TlsContext;
}

export interface GatewayConfig {
  /** Component id, e.g. `cell1/gateway-1`. */
  readonly id: string;
  readonly listen: readonly Endpoint[];
  /** Other gateways listen on the same ports; see ListenOptions. */
  readonly sharesPorts?: boolean;
  readonly auth: AuthPolicy;
  /** Undefined: SSLRequest is answered with no. */
  readonly tls?: GatewayTls;
  /** Undefined: links to poolers are in clear. */
  readonly relayTls?: RelayTls;
  readonly limits: GatewayLimits;
  /** By default the one of `defaultConsoleConfig`; false: no database is anything but Postgres's. */
  readonly console?: ConsoleConfig | false;
  /** Default: nothing but failed logins. */
  readonly log?: GatewayLog;
}

/** What is logged of sessions and their statements. */
export interface GatewayLog extends SessionLogOptions {
  /** Statements that take this long are logged, without their literals; Infinity: none. */
  readonly slowMs: number;
}

export const defaultGatewayLog: GatewayLog = { connections: false, slowMs: Infinity };

export interface GatewayLimits extends SessionTimeouts {
  readonly sessionsMax: number;
  /** From the first byte to AuthenticationOk: PostgreSQL's `authentication_timeout`. */
  readonly loginMs: number;
  /**
   * A looked-up verifier is good for this long without asking Postgres again. With 0 a changed password counts at once; logins of one role at the
   * same time still share a question.
   */
  readonly verifierMs: number;
  /**
   * How long a session waits for a pooler that cannot be reached, and for a leader while there is none: what it asks for meanwhile is buffered. 0: it is
   * refused at once.
   */
  readonly poolerWaitMs: number;
  /** A follower that has more bytes of log to replay than this serves no reads. */
  readonly replicaLagBytesMax: number;
  /** Nor does one that was not heard for so long. */
  readonly replicaSilenceMsMax: number;
  /** Sessions that wait for a leader at once; who comes on top is refused (57P03). */
  readonly bufferSessionsMax: number;
  /** What those sessions have sent, together: beyond it no more is read of them, and who comes on top is refused. */
  readonly bufferBytesMax: number;
  /** Distinct statements remembered for being carried. */
  readonly statementsMax: number;
  /**
   * Longer messages are never held whole but passed on as they come, up to PostgreSQL's own limit of 1 GB: a long Bind as any other, a long
   * text without having been looked at, so that the session keeps its backend. Each session may take this much memory, and half as much again.
   */
  readonly wholeMessageBytesMax: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  sessionsMax: 100_000,
  loginMs: 60_000,
  verifierMs: 0,
  poolerWaitMs: 10_000,
  replicaLagBytesMax: 16 * 1024 * 1024,
  replicaSilenceMsMax: 3_000,
  bufferSessionsMax: 10_000,
  bufferBytesMax: 64 * 1024 * 1024,
  statementsMax: 10_000,
  wholeMessageBytesMax: 1024 * 1024,
  idleSessionMs: 0,
  idleInTransactionMs: 0,
  statementMs: 0,
  transactionMs: 0,
};
