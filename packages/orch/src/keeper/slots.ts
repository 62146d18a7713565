import { backoffMs, type Clock, type Random } from '@multigres/core';

const pauses = { firstMs: 250, lastMs: 5_000 } as const;

interface Slot {
  isBusy: boolean;
  attempt: number;
  notBeforeMs: number;
}

/** Which actions are under way: one per slot, with a pause after a failure that grows, with jitter. */
export class Slots {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #slots = new Map<string, Slot>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  isBusy(name: string): boolean {
    return this.#slots.get(name)?.isBusy === true;
  }

  /** When something may be begun in the slot: in the past if now, Infinity while it is busy. */
  freeMs(name: string): number {
    const slot = this.#slots.get(name);
    if (slot === undefined) return 0;
    return slot.isBusy ? Infinity : slot.notBeforeMs;
  }

  /** Runs it; whatever becomes of it, the slot is free afterwards. `run` answers whether it succeeded. */
  async take(name: string, run: () => Promise<boolean>): Promise<void> {
    const slot = this.#slots.get(name) ?? { isBusy: false, attempt: 0, notBeforeMs: 0 };
    this.#slots.set(name, slot);
    slot.isBusy = true;
    try {
      const succeeded = await run();
      slot.attempt = succeeded ? 0 : slot.attempt + 1;
      // What was done shows in the next health messages; nothing is repeated before they can have come.
      const pauseMs = succeeded ? pauses.firstMs : pauses.firstMs + backoffMs(slot.attempt, this.#random, pauses);
      slot.notBeforeMs = this.#clock.nowMs() + pauseMs;
    } finally {
      slot.isBusy = false;
    }
  }
}
