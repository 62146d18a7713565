import type { Plan } from '../fault/plan.ts';
import type { RunResult } from '../run.ts';
import type { Scenario } from '../scenario.ts';
import type { Mutant } from './mutation.ts';

/** The first message to a worker. */
export interface Setup {
  readonly kind: 'setup';
  readonly root: string;
  readonly scenario: Scenario;
  readonly plan?: Plan;
  readonly mutant?: Mutant;
  /** Every so many seeds are run twice and compared; 0: none. */
  readonly twiceEvery: number;
}

export interface RunSeed {
  readonly kind: 'run';
  readonly seed: number;
}

/** What crosses from a worker: a result without what only a replay needs. */
export type SeedResult = Omit<RunResult, 'lines' | 'windowLines' | 'lives' | 'checkpoints'>;

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: SeedResult }
  | { readonly kind: 'broken'; readonly message: string };
