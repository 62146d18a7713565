import type { Clock, Timer } from '@multigres/core';

/** A connection whose answers wait. */
export interface Guarded {
  /** Hands on what has arrived. */
  release(): void;
  /** Ends it: what has arrived is not told to anybody. */
  destroy(): void;
}

/**
 * Until when answers of Postgres may be told. A leader's are good while its lease lasts: one that arrives later waits until the lease is renewed, or
 * is never told. The time is read when bytes arrive, so that a process that stood still in between notices.
 */
export class AnswerGuard {
  /** Monotonic ms. Infinity: for as long as there is no other word. */
  untilMs: number = Infinity;
  readonly #clock: Clock;
  readonly #heldMsMax: number;
  readonly #doubted: () => void;
  readonly #held: Set<Guarded> = new Set();
  #timer: Timer | undefined;

  /** `doubted`: Postgres has shown a commit that no quorum has. Nothing may be told until that is over. */
  constructor(clock: Clock, heldMsMax: number, doubted: () => void) {
    this.#clock = clock;
    this.#heldMsMax = heldMsMax;
    this.#doubted = doubted;
  }

  get holds(): number {
    return this.#held.size;
  }

  hold(held: Guarded): void {
    this.#held.add(held);
    this.#timer ??= this.#clock.after(this.#heldMsMax, () => this.drop());
  }

  /** Its connection has ended. */
  forget(held: Guarded): void {
    this.#held.delete(held);
  }

  doubt(): void {
    this.untilMs = -Infinity;
    this.#doubted();
  }

  /** What waits is told, if that is in time. */
  allow(untilMs: number): void {
    this.untilMs = untilMs;
    if (this.#held.size === 0 || this.#clock.nowMs() >= untilMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#held];
    this.#held.clear();
    for (const each of all) each.release();
  }

  /** What waits is told to nobody. */
  drop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const all = [...this.#held];
    this.#held.clear();
    for (const each of all) each.destroy();
  }
}
