import type { Clock, Timer } from '@multigres/core';
import type { CallContext } from './service.ts';

/** The server's end of one call: the context that its handler sees, and the means to cancel it. */
export class CallScope implements CallContext {
  readonly deadlineAtMs: number | undefined;
  readonly remote: string;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #timer: Timer | undefined;
  #cancelled = false;

  /** `deadlineMs` from now, or undefined. When it passes the call is cancelled and `expired` runs. */
  constructor(clock: Clock, remote: string, deadlineMs: number | undefined, expired: () => void) {
    this.remote = remote;
    this.#clock = clock;
    this.deadlineAtMs = deadlineMs === undefined ? undefined : clock.nowMs() + deadlineMs;
    if (deadlineMs === undefined) return;
    this.#timer = clock.after(deadlineMs, () => {
      this.cancel();
      expired();
    });
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  onCancel(run: () => void): () => void {
    if (this.#cancelled) {
      this.#clock.soon(run);
      return () => {};
    }
    // A function of its own for each registration, so that one listener given twice is called twice.
    const listener = (): void => run();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Nobody waits for the answer any more. Idempotent. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#timer?.cancel();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  /** The answer is on its way: the deadline no longer matters, and nobody is told of a cancellation. */
  finish(): void {
    this.#timer?.cancel();
    this.#listeners.clear();
  }
}
