import type { Clock, Timer } from '@multigres/core';
import type { SessionTimeouts } from './session-timeout.ts';

/** A session that is looked at now and then. */
export interface Watched {
  /** `sinceMs` that it stamped before `fromMs` count from then: nobody has kept the time. */
  lookAt(nowMs: number, fromMs: number): void;
}

/** A round takes this long at most: nobody is looked at later than that. */
const roundMsMax = 1_000;
const roundMsMin = 20;
/** A round is walked in steps, so that no turn of the event loop has to look at all sessions. */
const steps = 10;

/**
 * Looks at every session once a round, a tenth of them per step, and keeps a coarse time that sessions stamp without asking the clock. So a session
 * costs two numbers, and no timer. Nobody's time is up early; it may be noticed a round and two steps late. Without any limit there is no timer at all.
 */
export class SessionRounds {
  readonly #clock: Clock;
  readonly #sessions: ReadonlySet<Watched>;
  /** Time as sessions see it: that in which this process itself stood still does not count. */
  #nowMs = 0;
  #fromMs = 0;
  #lastMs = 0;
  #stepMs = 0;
  #timer: Timer | undefined;
  #walk: Iterator<Watched> | undefined;
  #limits: SessionTimeouts;
  /** Sessions that limit their own idle time (`SET idle_session_timeout`). Few do. */
  readonly #ownIdleMs: Map<Watched, number> = new Map();

  constructor(clock: Clock, sessions: ReadonlySet<Watched>, limits: SessionTimeouts) {
    this.#clock = clock;
    this.#sessions = sessions;
    this.#limits = limits;
    this.adjust(limits);
  }

  /** Milliseconds from an origin of its own, at most a step behind. */
  get coarseMs(): number {
    return this.#nowMs;
  }

  /** What holds for this session. */
  limitsOf(session: Watched): SessionTimeouts {
    const ownMs = this.#ownIdleMs.size === 0 ? undefined : this.#ownIdleMs.get(session);
    if (ownMs === undefined) return this.#limits;
    const { idleSessionMs } = this.#limits;
    return { ...this.#limits, idleSessionMs: idleSessionMs === 0 ? ownMs : Math.min(idleSessionMs, ownMs) };
  }

  /** The session wants to be ended when it was idle for so long; 0: never, but for what the gateway wants. */
  limitIdle(session: Watched, ms: number): void {
    if (ms === 0 ? !this.#ownIdleMs.delete(session) : this.#ownIdleMs.get(session) === ms) return;
    if (ms > 0) this.#ownIdleMs.set(session, ms);
    this.adjust(this.#limits);
  }

  forget(session: Watched): void {
    if (this.#ownIdleMs.size > 0) this.limitIdle(session, 0);
  }

  /** Other limits hold from now on. */
  adjust(limits: SessionTimeouts): void {
    this.#limits = limits;
    const { idleSessionMs, idleInTransactionMs, statementMs, transactionMs } = limits;
    const own = this.#ownIdleMs.values();
    const set = [idleSessionMs, idleInTransactionMs, statementMs, transactionMs, ...own].filter((ms) => ms > 0);
    if (set.length === 0) return this.stop();
    const roundMs = Math.min(roundMsMax, Math.max(roundMsMin, Math.min(...set) / 4));
    this.#stepMs = Math.ceil(roundMs / steps);
    if (this.#timer !== undefined) return;
    this.#lastMs = this.#clock.nowMs();
    this.#fromMs = this.#nowMs;
    this.#stepLater();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#walk = undefined;
  }

  #stepLater(): void {
    this.#timer = this.#clock.after(this.#stepMs, () => {
      const clockMs = this.#clock.nowMs();
      const advanceMsMax = 2 * this.#stepMs;
      this.#nowMs += Math.min(clockMs - this.#lastMs, advanceMsMax);
      this.#lastMs = clockMs;
      // A stamp is as old as the step before it: by that much less has passed than it seems.
      this.#step(this.#nowMs - advanceMsMax);
      if (this.#timer !== undefined) this.#stepLater();
    });
  }

  #step(nowMs: number): void {
    let left = Math.ceil(this.#sessions.size / steps);
    this.#walk ??= this.#sessions.values();
    while (left > 0) {
      const next = this.#walk.next();
      if (next.done === true) {
        this.#walk = undefined;
        return;
      }
      next.value.lookAt(nowMs, this.#fromMs);
      left -= 1;
    }
  }
}
