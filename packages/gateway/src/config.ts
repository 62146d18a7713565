import type { Endpoint } from '@multigres/core';
import type { ScramVerifier } from '@multigres/pgwire';

/** How clients prove who they are. */
export type AuthPolicy =
  /** Nobody is asked; Postgres decides at login, and only if it trusts the pooler will it let the session in. */
  | { readonly kind: 'trust' }
  /** SCRAM-SHA-256 against Postgres's own verifiers, which the pooler looks up. */
  | { readonly kind: 'scram' }
  /** SCRAM-SHA-256 against these verifiers, by role. */
  | { readonly kind: 'scramFile'; readonly verifiers: ReadonlyMap<string, ScramVerifier> };

export interface GatewayConfig {
  /** Component id, e.g. `cell1/gateway-1`. */
  readonly id: string;
  readonly listen: readonly Endpoint[];
  readonly auth: AuthPolicy;
  readonly limits: GatewayLimits;
}

export interface GatewayLimits {
  readonly sessionsMax: number;
  /** From the first byte to AuthenticationOk: PostgreSQL's `authentication_timeout`. */
  readonly loginMs: number;
  /** A looked-up verifier is asked for again after this long. */
  readonly verifierMs: number;
  /** How long a session waits for a pooler that cannot be reached. */
  readonly poolerWaitMs: number;
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
  verifierMs: 30_000,
  poolerWaitMs: 10_000,
  statementsMax: 10_000,
  wholeMessageBytesMax: 1024 * 1024,
};
