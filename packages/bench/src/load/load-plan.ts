import type { Address } from '../peers/peer.ts';
import type { HistogramRecord } from './histogram.ts';
import type { Arrival, LoopResult } from './loop.ts';
import type { Mode } from './pgbench.ts';
import type { Identity } from './session.ts';

/** A load, for all processes together. */
export interface LoadPlan {
  readonly address: Address;
  readonly identity: Identity;
  /** Sessions that send statements. */
  readonly active: number;
  /** Sessions that are logged in before those and do nothing. */
  readonly idle: number;
  readonly mode: Mode;
  /** Rows of `pgbench_accounts` to choose from. */
  readonly rows: number;
  readonly arrival: Arrival;
  readonly pipeline: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly drainMs: number;
  /** Logins under way at a time, in each process. */
  readonly loginsAtOnce: number;
}

/** One process's part. */
export interface LoadShare {
  readonly plan: LoadPlan;
  /** Where its sessions come from, in turn; none: the system chooses. */
  readonly sourceAddresses: readonly string[];
}

/** From the parent to a process. All processes log in, then all load at the same time. */
export type LoadOrder =
  | { readonly kind: 'open'; readonly share: LoadShare }
  | { readonly kind: 'load' }
  | { readonly kind: 'end' };

/** From a process to its parent. */
export type LoadReport =
  | { readonly kind: 'opened'; readonly logins: LoginResult }
  | { readonly kind: 'loaded'; readonly result: LoopResult }
  | { readonly kind: 'failed'; readonly message: string };

export interface LoginResult {
  readonly sessions: number;
  /** From the first begun to the last done. */
  readonly ms: number;
  readonly latency: HistogramRecord;
}
