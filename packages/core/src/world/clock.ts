/** A running timer. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, and the turn of the event loop.
 *
 * Contract (`contract/clock-contract.ts`):
 * - `nowMs` never goes back, has no meaning across processes and may be fractional; `wallMs` is Unix time and may jump either way.
 * - a timer never fires early (by `nowMs`) and never inside the call that made it; timers fire in the order of their deadlines, those of one
 *   deadline in the order they were made. All promises that one callback made ready are handled before the next one is called.
 * - a delay is at least zero, of any size, and `Infinity` is never; a negative one, or NaN, is refused by assertion.
 * - `soon` runs after the current callback and all promises that are ready, before any timer that is not yet due, and after the
 *   input that has already arrived in this turn was handled: what is collected until then can be sent in one write. Callbacks run in
 *   the order of asking; what one of them asks for runs at the end of the next turn.
 * - callbacks must not throw; what they throw crashes the process.
 */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin. */
  nowMs(): number;
  /** Milliseconds since 1970-01-01 UTC, for records and logs that people read. Never for measuring or ordering. */
  wallMs(): number;
  /** Runs `run` once, `delayMs` (>= 0) from now. */
  after(delayMs: number, run: () => void): Timer;
  /** Runs `run` at the end of this turn. */
  soon(run: () => void): void;
  /** Resolves `delayMs` from now. */
  sleep(delayMs: number): Promise<void>;
}
