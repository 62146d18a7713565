import type { Clock, Timer } from '@multigres/core';
import type { Group } from '../backend/group.ts';

/** What is looked at. */
export interface Line {
  readonly head: Group | undefined;
  readonly owedGroups: number;
}

export interface SlowHeadsParts<B> {
  readonly clock: Clock;
  readonly lookMs: number;
  readonly lines: () => Iterable<B>;
  /** What stands behind the head should go elsewhere. False if there is nowhere to go now. */
  readonly evacuate: (line: B) => boolean;
  /** After each look. */
  readonly looked: () => void;
}

/** So many lines are evacuated at once, and one more for each `refillMs`: what is evacuated runs twice, and a busy machine must not get busier by it. */
const evacuationsMax = 4;
const refillMs = 25;

/**
 * Looks from time to time at shared backends on which groups stand behind others: where the same group is at the head as at the last look, it takes long, and
 * those behind it should not have to wait. Between two looks everything that had arrived was read, so a loop that was held up itself blames nobody.
 * One timer, and none while nobody stands behind anybody.
 */
export class SlowHeads<B extends Line> {
  readonly #parts: SlowHeadsParts<B>;
  #timer: Timer | undefined;
  #seen: Map<B, Group> = new Map();
  #allowance = evacuationsMax;
  #refilledMs = 0;

  constructor(parts: SlowHeadsParts<B>) {
    this.#parts = parts;
  }

  /** A group was put behind others. */
  watch(): void {
    this.#timer ??= this.#parts.clock.after(this.#parts.lookMs, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const before = this.#seen;
    this.#seen = new Map();
    for (const line of [...this.#parts.lines()]) {
      const { head } = line;
      if (head === undefined || line.owedGroups < 2) continue;
      if (before.get(line) === head && this.#mayEvacuate() && this.#parts.evacuate(line)) this.#allowance -= 1;
      else this.#seen.set(line, head);
    }
    this.#parts.looked();
    if (this.#seen.size > 0) this.watch();
  }

  #mayEvacuate(): boolean {
    const nowMs = this.#parts.clock.nowMs();
    this.#allowance = Math.min(evacuationsMax, this.#allowance + (nowMs - this.#refilledMs) / refillMs);
    this.#refilledMs = nowMs;
    return this.#allowance >= 1;
  }
}
