import type { Clock, Timer } from '@multigres/core';
import { eventKind, type Kernel } from '../../kernel/kernel.ts';

interface Lateness {
  /** How much later a lease ends than it might, milliseconds. */
  readonly lateMs: () => number;
  /** Only a leader ends leases. */
  readonly mayEnd: () => boolean;
}

/**
 * The time by which leases end: late by any amount, never early. While nobody leads none ends, and a new leader gives each its whole time again (etcd's
 * documentation, "Lease"; etcd's `lessor.Promote`).
 */
export class LeaseClock implements Clock {
  readonly #kernel: Kernel;
  readonly #lateness: Lateness;

  constructor(kernel: Kernel, lateness: Lateness) {
    this.#kernel = kernel;
    this.#lateness = lateness;
  }

  nowMs(): number {
    return this.#kernel.nowMs;
  }

  wallMs(): number {
    return this.#kernel.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    let event = this.#at(delayMs, () => ripe());
    const ripe = (): void => {
      if (this.#lateness.mayEnd()) run();
      else event = this.#at(delayMs, ripe);
    };
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  soon(run: () => void): void {
    this.#kernel.in(0, eventKind.soon, this.#kernel.god, run);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  #at(delayMs: number, run: () => void): ReturnType<Kernel['in']> {
    const totalMs = delayMs + this.#lateness.lateMs();
    return this.#kernel.in(totalMs * 1000, eventKind.timer, this.#kernel.god, run);
  }
}
