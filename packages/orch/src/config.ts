import type { Endpoint } from '@multigres/core';

/** How patient an orchestrator is; all in ms. Tests and the simulator may change them. */
export interface OrchTuning {
  /** What is asked of each pooler's health stream. */
  readonly heartbeatMs: number;
  /** A pooler of which nothing is heard for so long is silent. More than two heartbeats. */
  readonly silenceMs: number;
  /** How long a leader may fail to commit before it is replaced. */
  readonly stalledMs: number;
  /** How long a proposal may wait for its quorum before somebody else tries. */
  readonly proposalMs: number;
  /** After another coordinator's ballot was seen, how long it is left to finish. */
  readonly stickinessMs: number;
  /** By how much each orchestrator waits longer than the one that comes first. */
  readonly staggerMs: number;
  /** With enough members recruited, how long to wait for a better one that should answer at once. */
  readonly graceMs: number;
  /** With enough members recruited, how long to wait for the old leader's word that it has stopped, which saves waiting for its lease. */
  readonly fenceGraceMs: number;
  /** For how long a leader may answer strict reads without hearing from its quorum: what its poolers are configured with. */
  readonly leaseMs: number;
  readonly recruitMs: number;
  readonly promoteMs: number;
  readonly setPrimaryMs: number;
  readonly updateRuleMs: number;
  /** A clone of a large data directory takes long. */
  readonly rejoinMs: number;
  readonly bootstrapMs: number;
  /** How long a leader that resigned waits for its successor before it opens again. */
  readonly pauseMs: number;
  /** How long running transactions may take to end in a switchover, unless told otherwise. */
  readonly drainMs: number;
}

export const defaultOrchTuning: OrchTuning = {
  heartbeatMs: 500,
  silenceMs: 1_200,
  stalledMs: 3_000,
  proposalMs: 6_000,
  stickinessMs: 2_500,
  staggerMs: 150,
  graceMs: 50,
  fenceGraceMs: 250,
  leaseMs: 1_000,
  recruitMs: 5_000,
  promoteMs: 15_000,
  setPrimaryMs: 5_000,
  updateRuleMs: 10_000,
  rejoinMs: 3_600_000,
  bootstrapMs: 120_000,
  pauseMs: 4_000,
  drainMs: 5_000,
};

export interface OrchConfig {
  /** Unique in its cell. */
  readonly name: string;
  readonly cell: string;
  /** Where its gRPC services listen. */
  readonly rpc: Endpoint;
  readonly tuning?: Partial<OrchTuning>;
}
