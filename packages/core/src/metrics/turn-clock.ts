import type { Clock } from '../world/clock.ts';

const ticksPerMs = 64;

/**
 * Time for measuring what is done very often: the clock is read once per turn of the loop, by whoever asks first, and everything else of that turn gets
 * the same answer. A reading costs 45 ns, sharing it nothing, and one system call less per query is worth the accuracy: durations are exact
 * to the length of a turn (well below a millisecond until the process is overloaded), and what begins and ends in one turn took 0.
 *
 * Ticks are 1/64 ms in 32 bits, so that keeping one in an object takes no memory of its own. They wrap: only differences mean something, up to
 * nine hours.
 */
export class TurnClock {
  readonly #clock: Clock;
  #tick = 0;
  #second = 0;
  #fresh = false;
  readonly #turnEnds = (): void => {
    this.#fresh = false;
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get tick(): number {
    if (!this.#fresh) {
      this.#fresh = true;
      const nowMs = this.#clock.nowMs();
      this.#tick = (nowMs * ticksPerMs) | 0;
      this.#second = (nowMs / 1000) | 0;
      this.#clock.soon(this.#turnEnds);
    }
    return this.#tick;
  }

  /** The second (of `nowMs`) in which `tick` was read last: for what may be long ago and need not be exact. Does not wrap for decades. */
  get second(): number {
    return this.#second;
  }

  msSince(tick: number): number {
    return ticksMs(tick, this.tick);
  }
}

/** Milliseconds from one tick to a later one. */
export function ticksMs(from: number, to: number): number {
  return ((to - from) | 0) / ticksPerMs;
}

/** The later of two ticks. */
export function laterTick(left: number, right: number): number {
  return ((left - right) | 0) > 0 ? left : right;
}
