import type { Clock, Timer } from '@multigres/core';
import type { CallOptions, Lease } from './store.ts';

interface MemoryLeaseOptions {
  readonly id: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Answers whether the lease still lives; rejects if the server does not answer. */
  readonly renew: (deadlineMs: number) => Promise<boolean>;
  readonly revoke: (deadlineMs: number) => Promise<void>;
  readonly ended: () => void;
}

/** Renewed three times in its life; an answer that does not come is asked for again, only the server's "no" ends it. */
export class MemoryLease implements Lease {
  readonly id: string;
  readonly ttlMs: number;
  readonly #options: MemoryLeaseOptions;
  readonly #listeners: (() => void)[] = [];
  #timer: Timer;
  #state: 'alive' | 'lost' | 'stopped' = 'alive';

  constructor(options: MemoryLeaseOptions) {
    this.#options = options;
    this.id = options.id;
    this.ttlMs = options.ttlMs;
    this.#timer = this.#later();
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

  #later(): Timer {
    return this.#options.clock.after(this.ttlMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const lives = await this.#options.renew(this.ttlMs / 3).catch(() => true);
    if (this.#state !== 'alive') return;
    if (lives) {
      this.#timer = this.#later();
      return;
    }
    this.#state = 'lost';
    this.#options.ended();
    for (const run of this.#listeners) run();
  }
}
