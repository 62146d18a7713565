import type { Clock } from '@multigres/core';
import { create, DecisionSchema, type Decision } from '@multigres/rpc';

const keptMax = 50;

/** What was decided last, newest first, for people who ask why. Bounded. */
export class Decisions {
  readonly #clock: Clock;
  readonly #kept: Decision[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get newestFirst(): readonly Decision[] {
    return this.#kept;
  }

  /** Answers what records how it came out. */
  begin(problem: string, action: string): (outcome: string) => void {
    const decision = create(DecisionSchema, { atMs: BigInt(Math.floor(this.#clock.wallMs())), problem, action });
    this.#kept.unshift(decision);
    if (this.#kept.length > keptMax) this.#kept.pop();
    return (outcome) => {
      decision.outcome = outcome;
    };
  }
}
