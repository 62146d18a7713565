import { assert, BoundedQueue } from '@multigres/core';

/** What a session wants of a pool. */
export type Want =
  /** A place behind others on a shared backend: one short statement that only reads. */
  | 'share'
  /** A backend for one statement that only reads, with nobody behind it: it is slow, or nobody knows yet. */
  | 'alone'
  /** A backend of its own until it gives it back. */
  | 'lease';

/** What the backend should have. May change while its owner waits. */
export interface Wish {
  readonly settings: string;
  /** Undefined: as at login. */
  readonly applicationName: string | undefined;
}

/** Somebody in a line. */
export interface Waiter<W> {
  readonly who: W;
  readonly want: Want;
  readonly wish: Wish;
  /** Its place among all lines of the pool: a smaller one came earlier. */
  readonly ticket: number;
  readonly sinceMs: number;
  /** Left the line; its place is passed over. */
  gone: boolean;
}

/** A line this short is not worth tidying. */
const goneMin = 16;

/** First come, first served. Leaving costs no walk along the line, because thousands leave together when Postgres is away. */
export class WaitLine<W> {
  readonly #waiting: BoundedQueue<Waiter<W>>;
  #count = 0;

  constructor(waitersMax: number) {
    this.#waiting = new BoundedQueue(2 * waitersMax + goneMin);
  }

  /** Who waits, without the places of those who left. */
  get length(): number {
    return this.#count;
  }

  /** The first who still waits. */
  get first(): Waiter<W> | undefined {
    if (this.#count === 0) return undefined;
    let first = this.#waiting.peek();
    while (first?.gone === true) {
      this.#waiting.take();
      first = this.#waiting.peek();
    }
    return first;
  }

  add(waiter: Waiter<W>): void {
    const offered = this.#waiting.offer(waiter);
    assert(offered === 'queued', 'the line has room for all who wait and for the places of those who left');
    this.#count += 1;
  }

  /** Takes out the first. */
  take(): void {
    assert(this.first !== undefined, 'somebody waits');
    this.#waiting.take();
    this.#count -= 1;
  }

  leave(waiter: Waiter<W>): void {
    waiter.gone = true;
    this.#count -= 1;
    if (this.#waiting.length > 2 * this.#count + goneMin) this.#waiting.remove(({ gone }) => gone);
  }

  /** Takes everybody out, in order. */
  takeAll(): Waiter<W>[] {
    this.#count = 0;
    return this.#waiting.remove(() => true).filter(({ gone }) => !gone);
  }
}
