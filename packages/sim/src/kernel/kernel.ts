import { chooseDrain, type Drain } from './drain.ts';
import { EventHeap, type SimEvent } from './event-heap.ts';
import { newLife, type Life } from './life.ts';
import { poisonGlobals } from './poison.ts';
import { RandomStream } from './random-stream.ts';
import { Trace, type TraceOptions } from './trace.ts';

/** What an event is, for the trace hash and for people who look at it. */
export const eventKind = {
  timer: 1,
  soon: 2,
  arrival: 3,
  connect: 4,
  closed: 5,
  window: 6,
  disk: 7,
  process: 8,
  fault: 9,
  story: 10,
  attach: 11,
} as const;

/** Why a run is not clean: the oracle that saw it and one sentence. */
export interface Failure {
  readonly oracle: string;
  readonly sentence: string;
  readonly atMs: number;
  /** For thrown errors. */
  readonly stack?: string;
}

export interface KernelOptions {
  readonly seed: string;
  readonly trace?: TraceOptions;
  /** Simulated time after which the run is stopped and counts as stuck. */
  readonly limitMs: number;
}

const eventsAtOneMomentMax = 100_000;
const failuresMax = 20;

/**
 * One thread, one heap of events, one clock. An event runs, then every promise that it made ready, then the next event; nothing
 * else in the process moves meanwhile. Whatever happens is a function of the code, the seed and the plan.
 */
export class Kernel {
  readonly random: RandomStream;
  readonly trace: Trace;
  readonly failures: Failure[] = [];
  /** The life of the god who tells the story: faults, checks, the end. It is never killed. */
  readonly god: Life = newLife(0, 'god');
  nowUs = 0;
  readonly #heap = new EventHeap();
  readonly #limitUs: number;
  #sequence = 0;
  #stopped = false;
  #atThisMoment = 0;

  constructor(options: KernelOptions) {
    this.random = new RandomStream(options.seed);
    this.trace = new Trace(options.trace);
    this.#limitUs = options.limitMs * 1000;
  }

  /** Simulated milliseconds since the run began. */
  get nowMs(): number {
    return this.nowUs / 1000;
  }

  /** Plans an event at this time (whole microseconds; the past means now) in this life. */
  at(timeUs: number, kind: number, life: Life, run: () => void, phase: 0 | 1 = 0): SimEvent {
    this.#sequence += 1;
    const event: SimEvent = {
      timeUs: timeUs > this.nowUs ? Math.ceil(timeUs) : this.nowUs,
      phase,
      sequence: this.#sequence,
      kind,
      life,
      run,
    };
    this.#heap.push(event);
    return event;
  }

  in(delayUs: number, kind: number, life: Life, run: () => void): SimEvent {
    return this.at(this.nowUs + delayUs, kind, life, run);
  }

  /** Records that the run is not clean and ends it after the current event: the moment of the failure tells most. */
  fail(oracle: string, sentence: string, error?: unknown): void {
    this.#stopped = true;
    this.trace.noteText(oracle);
    this.trace.line(this.nowUs, 0, () => `FAILED ${oracle}: ${sentence}`);
    if (this.failures.length >= failuresMax) return;
    const stack = error instanceof Error ? error.stack : undefined;
    this.failures.push({ oracle, sentence, atMs: this.nowMs, ...(stack === undefined ? {} : { stack }) });
  }

  /** Lets a process stand still until this time (Infinity: until `resume`). */
  pause(life: Life, untilUs: number): void {
    life.pausedUntilUs = Math.max(life.pausedUntilUs, untilUs);
    if (!Number.isFinite(untilUs)) return;
    this.at(untilUs, eventKind.process, this.god, () => {
      if (life.pausedUntilUs <= this.nowUs) this.resume(life);
    });
  }

  resume(life: Life): void {
    life.pausedUntilUs = 0;
    for (const event of life.parked.splice(0)) {
      this.#sequence += 1;
      event.timeUs = this.nowUs;
      event.sequence = this.#sequence;
      this.#heap.push(event);
    }
  }

  /** Ends the run after the current event. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Runs `story` and everything that it starts until it ends, a failure stops the run, or the time limit is reached. Resolves in the real
   * world; never rejects because of what simulated code does: that is in `failures`.
   */
  async run(story: () => Promise<void>): Promise<void> {
    // Inside a promise reaction nothing can drain reactions: the loop must begin in a callback of the event loop itself.
    const byTurns = await new Promise<boolean>((resolve, reject) => {
      setImmediate(() => {
        try {
          resolve(!this.#runDrained(story));
        } catch (error) {
          reject(error);
        }
      });
    });
    if (byTurns) await this.#runByTurns(story);
  }

  /** False if this runtime has no way to drain promises from within. */
  #runDrained(story: () => Promise<void>): boolean {
    const drain = chooseDrain();
    if (drain === 'none') return false;
    const undo = this.#guard();
    try {
      this.#begin(story);
      this.#loop(drain);
    } finally {
      undo();
    }
    return true;
  }

  /** Slow, but right on any runtime: one turn of the real event loop per event. The globals are poisoned only during the events. */
  async #runByTurns(story: () => Promise<void>): Promise<void> {
    this.#begin(story);
    while (!this.#stopped) {
      const undo = this.#guard();
      const more = this.#step();
      undo();
      if (!more) return;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #begin(story: () => Promise<void>): void {
    this.in(0, eventKind.story, this.god, () => {
      story().then(
        () => this.stop(),
        (error: unknown) => this.#crash('the story of the run threw', error),
      );
    });
  }

  #loop(drain: Drain): void {
    while (!this.#stopped && this.#step()) drain();
  }

  /** Runs the next event; false if there is none. */
  #step(): boolean {
    const event = this.#heap.pop();
    if (event === undefined) {
      this.fail('liveness', 'nothing is left to happen, and yet the story has not ended: somebody waits for ever');
      return false;
    }
    const { life } = event;
    if (event.run === undefined || !life.alive) return true;
    if (life.pausedUntilUs > event.timeUs) {
      life.parked.push(event);
      return true;
    }
    this.#advance(event.timeUs);
    this.trace.event(event.kind, event.timeUs, life.node);
    try {
      event.run();
    } catch (error) {
      this.#crash(`${life.name} crashed`, error);
    }
    return true;
  }

  #advance(timeUs: number): void {
    if (timeUs !== this.nowUs) {
      this.nowUs = timeUs;
      this.#atThisMoment = 0;
      if (timeUs > this.#limitUs) {
        this.fail('liveness', `the run has not ended after ${this.#limitUs / 1e6} simulated seconds`);
        this.stop();
      }
      return;
    }
    this.#atThisMoment += 1;
    if (this.#atThisMoment > eventsAtOneMomentMax) {
      this.fail('liveness', 'time stands still: events keep making events of the same moment');
      this.stop();
    }
  }

  #crash(what: string, error: unknown): void {
    this.fail('crash', `${what}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`, error);
    this.stop();
  }

  /** Poisons the globals and takes over what nobody caught; answers how to give everything back. */
  #guard(): () => void {
    const kinds = ['unhandledRejection', 'uncaughtException'] as const;
    const theirs = kinds.map((kind) => process.listeners(kind as 'uncaughtException'));
    const ours = kinds.map((kind) => {
      const words = kind === 'unhandledRejection' ? 'a rejected promise was not handled' : 'an error was not caught';
      return (error: unknown): void => this.#crash(words, error);
    });
    kinds.forEach((kind, i) => {
      process.removeAllListeners(kind);
      process.on(kind, ours[i] as () => void);
    });
    const restoreGlobals = poisonGlobals();
    return (): void => {
      restoreGlobals();
      kinds.forEach((kind, i) => {
        process.removeListener(kind, ours[i] as () => void);
        for (const listener of theirs[i] ?? []) process.on(kind, listener as () => void);
      });
    };
  }
}
