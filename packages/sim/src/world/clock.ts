import { assert, type Clock, type Timer } from '@multigres/core';
import { eventKind, type Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import type { RandomStream } from '../kernel/random-stream.ts';

/** How one machine's clocks differ from true time. */
export interface ClockFault {
  /** Where its monotonic clock began, in milliseconds. */
  readonly originMs: number;
  /** Local milliseconds per true millisecond: 1 is exact. */
  readonly rate: number;
  /** Unix time of its wall clock at the beginning of the run. May be changed during the run: a step. */
  wallOriginMs: number;
}

/** Early in 2030: far from anything real, so that a date in a trace is known to be simulated. */
const wallOfTheRunMs = 1_893_456_000_000;

export function drawClockFault(random: RandomStream, wild: boolean): ClockFault {
  const driftMax = wild ? 0.01 : 0.0002;
  const skewMsMax = wild ? 60_000 : 500;
  return {
    originMs: random.below(1_000_000),
    rate: 1 + random.between(-driftMax, driftMax),
    wallOriginMs: Math.floor(wallOfTheRunMs + random.between(-skewMsMax, skewMsMax)),
  };
}

/** Longer than any run; beyond it a time is no exact number of microseconds any more. */
const farOffMs = 1e11;

/** The clock of one process: its machine's hardware, its own timers, which die with it. */
export class SimClock implements Clock {
  readonly #kernel: Kernel;
  readonly #life: Life;
  readonly #fault: ClockFault;

  constructor(kernel: Kernel, life: Life, fault: ClockFault) {
    this.#kernel = kernel;
    this.#life = life;
    this.#fault = fault;
  }

  nowMs(): number {
    return this.#localMs(this.#kernel.nowUs);
  }

  wallMs(): number {
    return Math.floor(this.#fault.wallOriginMs + (this.#kernel.nowUs / 1000) * this.#fault.rate);
  }

  after(delayMs: number, run: () => void): Timer {
    assert(delayMs >= 0, 'a delay is a number of milliseconds, not below 0');
    const event = this.#kernel.at(this.#dueUs(this.nowMs(), delayMs), eventKind.timer, this.#life, run);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  soon(run: () => void): void {
    this.#kernel.at(this.#kernel.nowUs, eventKind.soon, this.#life, run, 1);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  #localMs(trueUs: number): number {
    return this.#fault.originMs + (trueUs / 1000) * this.#fault.rate;
  }

  /** The first whole millisecond of true time at which this much local time has passed: real timers tick in milliseconds too. */
  #dueUs(startMs: number, waitMs: number): number {
    if (waitMs === 0) return this.#kernel.nowUs + 1;
    if (waitMs > farOffMs) return Number.MAX_SAFE_INTEGER;
    const deadlineMs = startMs + waitMs;
    let dueUs = Math.ceil((deadlineMs - this.#fault.originMs) / this.#fault.rate) * 1000;
    while (this.#localMs(dueUs) - startMs < waitMs) dueUs += 1000;
    return dueUs;
  }
}
