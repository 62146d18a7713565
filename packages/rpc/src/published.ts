import type { Clock } from '@multigres/core';
import type { CallContext } from './service.ts';

/**
 * A value that many callers watch: what `WatchHealth` and `Health/Watch` are made of. A slow watcher sees the newest value next, not every one
 * between, so nothing queues.
 */
export class Published<T> {
  readonly #clock: Clock;
  readonly #waiters = new Set<() => void>();
  #value: T;
  #version = 0;

  constructor(clock: Clock, initial: T) {
    this.#clock = clock;
    this.#value = initial;
  }

  get value(): T {
    return this.#value;
  }

  /** Every call counts as a change: compare first if equal values should pass unseen. */
  set(value: T): void {
    this.#value = value;
    this.#version += 1;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  /** The value now, after each change, and again when `heartbeatMs` pass without one. Ends when the call is cancelled. */
  async *watch(context: CallContext, heartbeatMs?: number): AsyncGenerator<T, void, undefined> {
    let seen = -1;
    while (!context.cancelled) {
      if (seen === this.#version) await this.#change(context, heartbeatMs);
      if (context.cancelled) return;
      seen = this.#version;
      yield this.#value;
    }
  }

  #change(context: CallContext, heartbeatMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        forget();
        timer?.cancel();
        resolve();
      };
      const timer = heartbeatMs === undefined ? undefined : this.#clock.after(heartbeatMs, wake);
      const forget = context.onCancel(wake);
      this.#waiters.add(wake);
    });
  }
}
