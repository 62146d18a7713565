import { TimerQueue, type Clock, type QueuedTimer, type Timer } from '@multigres/core';

/** The longest delay that Node's timers take; longer ones fire at once there. */
const timeoutMsMax = 2 ** 31 - 1;

function fire(timer: QueuedTimer): void {
  timer.fire();
}

/**
 * Real time. One Node timer serves a queue of ours, because Node's own may fire up to a millisecond early, in another order than that of
 * their deadlines when the loop was late, and at once when the delay is over 24 days.
 *
 * A pending timer keeps the process alive, as everybody expects from `await clock.sleep()`; a cancelled one does not. With
 * `timersKeepAlive: false` none does: for tools that should end when their sockets are closed.
 */
export class HostClock implements Clock {
  readonly #timers: TimerQueue = new TimerQueue(() => this.#timeout?.unref());
  readonly #keepAlive: boolean;
  readonly #wallOffsetMs: number;
  readonly #onTimeout = (): void => this.#wake();
  #timeout: NodeJS.Timeout | undefined;
  /** When `#timeout` fires. */
  #armedMs = Infinity;

  /** `wallOffsetMs`: how wrong wall time is, for those who want to see what a wrong clock does. */
  constructor(options: { readonly timersKeepAlive?: boolean; readonly wallOffsetMs?: number } = {}) {
    this.#keepAlive = options.timersKeepAlive ?? true;
    this.#wallOffsetMs = options.wallOffsetMs ?? 0;
  }

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now() + this.#wallOffsetMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const nowMs = performance.now();
    const timer = this.#timers.add(nowMs, delayMs, run);
    if (timer.dueMs < this.#armedMs) this.#arm(nowMs, timer.dueMs);
    else if (this.#timers.length === 1 && this.#keepAlive) this.#timeout?.ref();
    return timer;
  }

  /** An immediate runs when the loop has handled the input that its poll found, before it looks for timers and new input. */
  soon(run: () => void): void {
    setImmediate(run);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  #arm(nowMs: number, dueMs: number): void {
    clearTimeout(this.#timeout);
    this.#armedMs = dueMs;
    this.#timeout = setTimeout(this.#onTimeout, Math.min(Math.ceil(dueMs - nowMs), timeoutMsMax));
    if (!this.#keepAlive) this.#timeout.unref();
  }

  #wake(): void {
    this.#timeout = undefined;
    this.#armedMs = Infinity;
    const nowMs = performance.now();
    // Each in a callback of its own, so that the promises which one makes ready run before the next.
    for (let timer = this.#timers.takeDue(nowMs); timer; timer = this.#timers.takeDue(nowMs)) setImmediate(fire, timer);
    if (this.#timers.nextMs !== undefined) this.#arm(nowMs, this.#timers.nextMs);
  }
}
