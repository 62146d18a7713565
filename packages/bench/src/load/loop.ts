import { assert } from '@multigres/core';
import { Histogram, type HistogramRecord } from './histogram.ts';

/** A session with a server that takes statements and answers each, in order. */
export interface Lane {
  /** Sends the next statement. `Loop.answered` or `Loop.lost` must be told, in a later turn. */
  send(): void;
}

/**
 * - `closed`: each session sends its next statement when the one before is answered, as pgbench does. A server that stalls is asked less.
 * - `open`: statements arrive at a constant rate, whether or not the server keeps up, as from many independent users; they wait here when
 *   all sessions are busy. Latency counts from the time of arrival, so that a stall is seen by all whom it would have hit ("coordinated
 *   omission" is what hides it otherwise).
 */
export type Arrival = { readonly kind: 'closed' } | { readonly kind: 'open'; readonly perSecond: number };

export interface LoopOptions {
  readonly arrival: Arrival;
  /** Statements under way on one session; in the open loop always 1. */
  readonly pipeline: number;
  /** Statements that arrive in this time are sent and not measured. */
  readonly warmupMs: number;
  readonly measureMs: number;
  /** What is not answered this long after the end is given up: it counts as `unanswered`, with the latency that it has by then. */
  readonly drainMs: number;
}

export interface LoopResult {
  /** Answered well, out of those that arrived in the measured time. */
  readonly completed: number;
  /** Answered with an error, or lost with their session. */
  readonly failed: number;
  readonly unanswered: number;
  /** All that were sent, warm-up included. */
  readonly sent: number;
  readonly measureMs: number;
  readonly latency: HistogramRecord;
  /** How much later than planned this generator woke up: its own error. Open loop only. */
  readonly lateness: HistogramRecord;
}

/** What the loop needs of the world: a clock, and something that wakes it. */
export interface LoopClock {
  nowMs(): number;
  after(delayMs: number, run: () => void): { cancel(): void };
  /** Calls `tick` with each planned time, `periodMs` apart from `startMs` on, as near to it as it can. Answers how to end it. */
  beat(startMs: number, periodMs: number, tick: (plannedMs: number) => void): () => void;
}

/** Waking up more often would cost more than it shows. */
const periodMsMin = 0.5;

/** Sends statements over sessions that are logged in, and measures how long the answers take. */
export class Loop {
  readonly #clock: LoopClock;
  readonly #options: LoopOptions;
  readonly #lanes: readonly Lane[];
  readonly #index: ReadonlyMap<Lane, number>;
  /** When the latency of what is under way began, in ms since the start: a ring of `pipeline` places for each lane. */
  readonly #since: Float64Array;
  readonly #first: Uint32Array;
  readonly #under: Uint32Array;
  readonly #depth: number;
  readonly #idle: Lane[] = [];
  readonly #gone: Set<Lane> = new Set();
  readonly #latency: Histogram = new Histogram();
  readonly #lateness: Histogram = new Histogram();
  #startMs = 0;
  #arrived = 0;
  #underWay = 0;
  #completed = 0;
  #failed = 0;
  #sent = 0;
  #unanswered = 0;
  #finish: (() => void) | undefined;

  constructor(clock: LoopClock, lanes: readonly Lane[], options: LoopOptions) {
    assert(lanes.length > 0 && options.pipeline > 0, 'a load has sessions');
    this.#clock = clock;
    this.#options = options;
    this.#lanes = lanes;
    this.#index = new Map(lanes.map((lane, index) => [lane, index]));
    this.#depth = options.arrival.kind === 'open' ? 1 : options.pipeline;
    this.#since = new Float64Array(lanes.length * this.#depth);
    this.#first = new Uint32Array(lanes.length);
    this.#under = new Uint32Array(lanes.length);
  }

  /** Runs once, to the end of the measured time and of what is under way then. */
  async run(): Promise<LoopResult> {
    const { measureMs, warmupMs, drainMs } = this.#options;
    this.#startMs = this.#clock.nowMs();
    const done = new Promise<void>((resolve) => (this.#finish = resolve));
    const deadline = this.#clock.after(warmupMs + measureMs + drainMs, () => this.#finish?.());
    const stop = this.#begin();
    await done;
    this.#finish = undefined;
    stop();
    deadline.cancel();
    this.#giveUp();
    return {
      completed: this.#completed,
      failed: this.#failed,
      unanswered: this.#unanswered,
      sent: this.#sent,
      measureMs,
      latency: this.#latency.toRecord(),
      lateness: this.#lateness.toRecord(),
    };
  }

  answered(lane: Lane, isError: boolean): void {
    if (this.#finish === undefined) return;
    const index = this.#index.get(lane) as number;
    const since = this.#take(index);
    const nowMs = this.#elapsedMs();
    if (this.#isMeasured(since)) {
      if (isError) this.#failed++;
      else {
        this.#completed++;
        this.#latency.record((nowMs - since) * 1000);
      }
    }
    this.#next(lane, index, nowMs);
  }

  /** The session is over; nothing more will be told of it. */
  lost(lane: Lane): void {
    if (this.#finish === undefined || this.#gone.has(lane)) return;
    this.#gone.add(lane);
    const index = this.#index.get(lane) as number;
    while ((this.#under[index] as number) > 0) if (this.#isMeasured(this.#take(index))) this.#failed++;
    const at = this.#idle.indexOf(lane);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#finishIfDone(this.#elapsedMs());
  }

  get #endMs(): number {
    return this.#options.warmupMs + this.#options.measureMs;
  }

  #elapsedMs(): number {
    return this.#clock.nowMs() - this.#startMs;
  }

  #begin(): () => void {
    const { arrival } = this.#options;
    if (arrival.kind === 'closed') {
      for (const [index, lane] of this.#lanes.entries())
        for (let i = 0; i < this.#depth; i++) this.#dispatch(lane, index, 0);
      return () => {};
    }
    this.#idle.push(...this.#lanes);
    return this.#clock.beat(this.#startMs, periodOf(arrival.perSecond), (plannedMs) => {
      const nowMs = this.#elapsedMs();
      const dueMs = plannedMs - this.#startMs;
      if (this.#isMeasured(dueMs)) this.#lateness.record((nowMs - dueMs) * 1000);
      this.#serveArrivals(nowMs);
      this.#finishIfDone(nowMs);
    });
  }

  /**
   * When the next statement arrives: in the open loop they come with the beats, several with one if there are more than beats. In whole
   * microseconds, so that the one at the very end of a time is on the right side of it.
   */
  #nextArrivalMs(perSecond: number): number {
    const periodMs = periodOf(perSecond);
    const beat = Math.floor(this.#arrived / ((perSecond * periodMs) / 1000) + 1e-9);
    return Math.round(beat * periodMs * 1000) / 1000;
  }

  #serveArrivals(nowMs: number): void {
    const { arrival } = this.#options;
    if (arrival.kind === 'closed') return;
    for (;;) {
      const dueMs = this.#nextArrivalMs(arrival.perSecond);
      if (dueMs > nowMs || dueMs >= this.#endMs) return;
      const lane = this.#idle.pop();
      if (lane === undefined) return;
      this.#arrived++;
      this.#dispatch(lane, this.#index.get(lane) as number, dueMs);
    }
  }

  #dispatch(lane: Lane, index: number, sinceMs: number): void {
    const place = ((this.#first[index] as number) + (this.#under[index] as number)) % this.#depth;
    this.#since[index * this.#depth + place] = sinceMs;
    this.#under[index] = (this.#under[index] as number) + 1;
    this.#underWay++;
    this.#sent++;
    lane.send();
  }

  /** Takes the oldest that is under way on a lane, and answers since when it is. */
  #take(index: number): number {
    assert((this.#under[index] as number) > 0, 'an answer belongs to a statement');
    const first = this.#first[index] as number;
    this.#first[index] = (first + 1) % this.#depth;
    this.#under[index] = (this.#under[index] as number) - 1;
    this.#underWay--;
    return this.#since[index * this.#depth + first] as number;
  }

  #next(lane: Lane, index: number, nowMs: number): void {
    if (this.#options.arrival.kind === 'open') {
      this.#idle.push(lane);
      this.#serveArrivals(nowMs);
    } else if (nowMs < this.#endMs) this.#dispatch(lane, index, nowMs);
    this.#finishIfDone(nowMs);
  }

  #finishIfDone(nowMs: number): void {
    const isOver = nowMs >= this.#endMs && this.#underWay === 0 && !this.#hasWaiting();
    if (isOver || this.#gone.size === this.#lanes.length) this.#finish?.();
  }

  #hasWaiting(): boolean {
    const { arrival } = this.#options;
    return arrival.kind === 'open' && this.#nextArrivalMs(arrival.perSecond) < this.#endMs;
  }

  /** A lower bound of their latency is all that is known of those without an answer; to leave them out would flatter the server. */
  #giveUp(): void {
    const nowMs = this.#elapsedMs();
    const count = (sinceMs: number): void => {
      if (!this.#isMeasured(sinceMs)) return;
      this.#unanswered++;
      this.#latency.record((nowMs - sinceMs) * 1000);
    };
    for (const index of this.#lanes.keys()) while ((this.#under[index] as number) > 0) count(this.#take(index));
    const { arrival } = this.#options;
    if (arrival.kind === 'closed') return;
    for (; this.#hasWaiting() && this.#nextArrivalMs(arrival.perSecond) <= nowMs; this.#arrived++)
      count(this.#nextArrivalMs(arrival.perSecond));
  }

  #isMeasured(sinceMs: number): boolean {
    return sinceMs >= this.#options.warmupMs && sinceMs < this.#endMs;
  }
}

const periodOf = (perSecond: number): number => Math.max(periodMsMin, 1000 / perSecond);
