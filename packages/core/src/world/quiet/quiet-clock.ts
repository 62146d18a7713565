import type { Clock, Timer } from '../clock.ts';
import type { Kernel } from './kernel.ts';

/** Wall time at the start of every quiet world: 2000-01-01 00:00:00 UTC. */
const originMs = 946_684_800_000;

export class QuietClock implements Clock {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  nowMs(): number {
    return this.#kernel.nowMs;
  }

  wallMs(): number {
    return originMs + Math.floor(this.#kernel.nowMs);
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#kernel.timers.add(this.#kernel.nowMs, delayMs, run);
  }

  soon(run: () => void): void {
    this.#kernel.soon(run);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }
}
