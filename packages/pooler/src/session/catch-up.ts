import type { Clock } from '@multigres/core';

/** Between two looks while somebody waits: replay is a matter of milliseconds, or of much longer than anybody waits. */
const lookMs = 10;
/** Who is not served by then reads elsewhere. */
const waitMs = 100;

interface Waiting {
  readonly lsn: bigint;
  readonly untilMs: number;
  readonly done: () => void;
}

/**
 * Waits until a standby has replayed up to where sessions have written. One look at a time serves all who wait; while nobody does there is none.
 */
export class CatchUp {
  readonly #clock: Clock;
  readonly #look: () => Promise<bigint>;
  #waiting: Waiting[] = [];
  #isLooking = false;

  /** `look`: how far it has replayed now. Never rejects. */
  constructor(clock: Clock, look: () => Promise<bigint>) {
    this.#clock = clock;
    this.#look = look;
  }

  /** `done` is called when everything up to `lsn` is replayed, or that takes too long. */
  wait(lsn: bigint, done: () => void): void {
    this.#waiting.push({ lsn, untilMs: this.#clock.nowMs() + waitMs, done });
    if (!this.#isLooking) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isLooking = true;
    while (this.#waiting.length > 0) {
      const replayed = await this.#look();
      const nowMs = this.#clock.nowMs();
      const all = this.#waiting;
      const isOver = ({ lsn, untilMs }: Waiting): boolean => lsn <= replayed || untilMs <= nowMs;
      this.#waiting = all.filter((each) => !isOver(each));
      for (const each of all) if (isOver(each)) each.done();
      if (this.#waiting.length > 0) await this.#clock.sleep(lookMs);
    }
    this.#isLooking = false;
  }
}
