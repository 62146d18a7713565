import { assert } from '../../base/assert.ts';
import { TimerQueue } from '../../base/timer-queue.ts';

const cell: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(4));

/**
 * Resolves in a fresh task of the engine's event loop, when every promise that was ready, and every one that became ready by that, has been
 * handled: however deep the awaits are nested. The language itself has one way to ask for that without a timer: a waiter that is notified.
 */
function nextTask(): Promise<unknown> {
  const waiter = Atomics.waitAsync(cell, 0, 0);
  assert(waiter.async, 'a waiter without a timeout waits');
  Atomics.notify(cell, 0);
  return waiter.value;
}

/** A loop that is still busy after this many turns without any time passing will never be quiet. */
const turnsMax = 100_000;

/**
 * The event loop of a quiet world. A turn runs the input that had arrived when it began, then what was asked for `soon`, then the timers
 * that are due; after each callback all promises that became ready. Time stands still unless it is moved.
 */
export class Kernel {
  nowMs = 0;
  readonly timers: TimerQueue = new TimerQueue();
  #input: (() => void)[] = [];
  #soon: (() => void)[] = [];
  #failure: { readonly error: unknown } | undefined;
  #lane: Promise<unknown> = Promise.resolve();

  /** Runs `run` in a later turn, as if it had arrived from outside. */
  post(run: () => void): void {
    this.#input.push(run);
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  settle(): Promise<void> {
    return this.#alone(() => this.#turns(() => false));
  }

  advance(ms: number): Promise<void> {
    assert(ms >= 0 && ms < Infinity, 'time passes forward');
    return this.#alone(async () => {
      const endMs = this.nowMs + ms;
      await this.#turns(() => false);
      for (let next = this.timers.nextMs; next !== undefined && next <= endMs; next = this.timers.nextMs) {
        this.nowMs = Math.max(this.nowMs, next);
        await this.#turns(() => false);
      }
      this.nowMs = endMs;
    });
  }

  until<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    const wait = { over: false };
    const note = (): void => {
      wait.over = true;
    };
    promise.then(note, note);
    return this.#alone(async () => {
      const endMs = this.nowMs + limitMs;
      await this.#turns(() => wait.over);
      while (!wait.over) {
        const next = this.timers.nextMs ?? Infinity;
        assert(next < Infinity, 'what is waited for can still happen: a timer, a callback or input is pending');
        assert(next <= endMs, `what is waited for happens within ${limitMs} ms`);
        this.nowMs = Math.max(this.nowMs, next);
        await this.#turns(() => wait.over);
      }
      return promise;
    });
  }

  /** One caller at a time moves the world. */
  #alone<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#lane.then(run);
    this.#lane = result.catch(() => undefined);
    return result;
  }

  async #turns(enough: () => boolean): Promise<void> {
    for (let turn = 0; ; turn++) {
      assert(turn < turnsMax, 'the world comes to rest');
      await nextTask();
      if (enough() || this.#isQuiet()) return;
      await this.#runAll(this.#takeInput());
      await this.#runAll(this.#takeSoon());
      await this.#runAll(this.#takeDue());
    }
  }

  #isQuiet(): boolean {
    return this.#input.length === 0 && this.#soon.length === 0 && (this.timers.nextMs ?? Infinity) > this.nowMs;
  }

  async #runAll(callbacks: readonly (() => void)[]): Promise<void> {
    for (const run of callbacks) {
      try {
        run();
      } catch (error) {
        this.#failure ??= { error };
      }
      await nextTask();
      if (this.#failure) {
        const { error } = this.#failure;
        this.#failure = undefined;
        throw error;
      }
    }
  }

  #takeInput(): readonly (() => void)[] {
    const taken = this.#input;
    this.#input = [];
    return taken;
  }

  #takeSoon(): readonly (() => void)[] {
    const taken = this.#soon;
    this.#soon = [];
    return taken;
  }

  /** Taken all at once, so that a timer made now with no delay waits for the next turn. */
  #takeDue(): readonly (() => void)[] {
    const due: (() => void)[] = [];
    for (let timer = this.timers.takeDue(this.nowMs); timer; timer = this.timers.takeDue(this.nowMs)) {
      const taken = timer;
      due.push(() => taken.fire());
    }
    return due;
  }
}
