import type { Clock, Timer } from '@multigres/core';
import type { CallOptions, Lease } from './store.ts';

export interface RenewedLeaseOptions {
  readonly id: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Answers whether the lease still lives; rejects if the server does not answer. */
  readonly renew: (deadlineMs: number) => Promise<boolean>;
  readonly revoke: (deadlineMs: number) => Promise<void>;
  readonly ended: () => void;
}

/**
 * The client's side of a lease, for every store: renewed three times in its life; an answer that does not come is asked for again soon, and only
 * the server's "no" ends it.
 */
export class RenewedLease implements Lease {
  readonly id: string;
  readonly ttlMs: number;
  readonly #options: RenewedLeaseOptions;
  readonly #listeners: (() => void)[] = [];
  #timer: Timer;
  #state: 'alive' | 'lost' | 'stopped' = 'alive';

  constructor(options: RenewedLeaseOptions) {
    this.#options = options;
    this.id = options.id;
    this.ttlMs = options.ttlMs;
    this.#timer = this.#later(this.ttlMs / 3);
  }

  get lost(): boolean {
    return this.#state === 'lost';
  }

  onLost(run: () => void): void {
    if (this.lost) this.#options.clock.soon(run);
    else this.#listeners.push(run);
  }

  async revoke(options: CallOptions): Promise<void> {
    if (this.#state !== 'alive') return;
    this.stop();
    await this.#options.revoke(options.deadlineMs).catch(() => {});
  }

  /** Renews no more, and tells nobody. */
  stop(): void {
    if (this.#state === 'alive') this.#state = 'stopped';
    this.#timer.cancel();
    this.#options.ended();
  }

  #later(delayMs: number): Timer {
    return this.#options.clock.after(delayMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const lives = await this.#options.renew(this.ttlMs / 3).catch(() => undefined);
    if (this.#state !== 'alive') return;
    if (lives !== false) {
      this.#timer = this.#later(lives === true ? this.ttlMs / 3 : Math.max(100, this.ttlMs / 20));
      return;
    }
    this.#state = 'lost';
    this.#options.ended();
    for (const run of this.#listeners) run();
  }
}
