import type { Clock } from '@multigres/core';

/** Logins cost far more than queries (SCRAM, TLS): of more than so many steps in one turn of the event loop, sessions would feel it. */
export const loginStepsPerTurn = 16;

/**
 * A storm of logins must not starve those who are logged in: only so many steps of logins are taken in a turn, the rest waits its turn, first come,
 * first served. The line is as long as there are logins, which the gateway bounds.
 */
export class LoginPace {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #left: number = loginStepsPerTurn;
  #isScheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a step may be taken now; else it has to be handed to `later`. */
  admits(): boolean {
    this.#schedule();
    if (this.#left === 0 || this.#waiting.length > 0) return false;
    this.#left -= 1;
    return true;
  }

  later(step: () => void): void {
    this.#waiting.push(step);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      this.#left = loginStepsPerTurn;
      const steps = this.#waiting.splice(0, loginStepsPerTurn);
      this.#left -= steps.length;
      for (const step of steps) step();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
