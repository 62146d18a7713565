import type { Timer } from '../world/clock.ts';
import { assert } from './assert.ts';

class QueuedTimer implements Timer {
  readonly dueMs: number;
  readonly order: number;
  /** Undefined once it fired or was cancelled. */
  run: (() => void) | undefined;
  /** Place in the heap; -1 when it is in none. */
  at = -1;
  readonly #queue: TimerQueue;

  constructor(queue: TimerQueue, dueMs: number, order: number, run: () => void) {
    this.#queue = queue;
    this.dueMs = dueMs;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
    if (this.at >= 0) this.#queue.drop(this);
  }

  /** Calls what was asked for, once; nothing if it was cancelled after it was taken out. */
  fire(): void {
    const { run } = this;
    this.run = undefined;
    run?.();
  }
}

export type { QueuedTimer };

function before(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/**
 * The timers of a clock by deadline, equal deadlines in the order they were made. A binary heap whose entries know their places, so that a
 * cancelled timer leaves at once: a proxy makes and cancels far more timers than ever fire.
 */
export class TimerQueue {
  readonly #heap: QueuedTimer[] = [];
  readonly #onEmptied: () => void;
  #made = 0;

  /** `onEmptied` is called when the last timer has left. */
  constructor(onEmptied: () => void = () => undefined) {
    this.#onEmptied = onEmptied;
  }

  get length(): number {
    return this.#heap.length;
  }

  /** The earliest deadline; undefined if there is no timer. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  /** Refuses (by assertion) a delay that is negative or no number; an infinite one is never due. */
  add(nowMs: number, delayMs: number, run: () => void): QueuedTimer {
    assert(delayMs >= 0, 'a delay is at least zero');
    const timer = new QueuedTimer(this, nowMs + delayMs, this.#made++, run);
    this.#heap.push(timer);
    this.#rise(timer, this.#heap.length - 1);
    return timer;
  }

  /** Takes out the first timer that is due at `nowMs`. The caller fires it. */
  takeDue(nowMs: number): QueuedTimer | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.drop(first);
    return first;
  }

  /** Takes one timer out. */
  drop(timer: QueuedTimer): void {
    const { at } = timer;
    timer.at = -1;
    const last = this.#heap.pop() as QueuedTimer;
    if (last !== timer) {
      this.#rise(last, at);
      this.#sink(last, last.at);
    } else if (this.#heap.length === 0) this.#onEmptied();
  }

  #rise(timer: QueuedTimer, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = this.#heap[(at - 1) >> 1] as QueuedTimer;
      if (!before(timer, parent)) break;
      this.#put(parent, at);
      at = (at - 1) >> 1;
    }
    this.#put(timer, at);
  }

  #sink(timer: QueuedTimer, from: number): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      const right = this.#heap[child + 1];
      if (right !== undefined && before(right, this.#heap[child] as QueuedTimer)) child += 1;
      const least = this.#heap[child];
      if (least === undefined || !before(least, timer)) break;
      this.#put(least, at);
      at = child;
    }
    this.#put(timer, at);
  }

  #put(timer: QueuedTimer, at: number): void {
    this.#heap[at] = timer;
    timer.at = at;
  }
}
