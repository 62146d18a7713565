import type { Clock, Lsn } from '@multigres/core';

import type { WriteAheadLog } from '../storage/log.ts';
import type { Task, Wait } from '../wait.ts';

/** Makes the log durable. Commits that arrive while a flush is under way share the next one (group commit). */
export class Flusher {
  readonly #clock: Clock;
  readonly #log: WriteAheadLog;
  readonly #flushMs: () => number;
  readonly #waiting: Set<{ readonly lsn: Lsn; readonly wake: () => void }> = new Set();
  #underWay = false;
  #laterIsDue = false;
  #stopped = false;

  constructor(clock: Clock, log: WriteAheadLog, flushMs: () => number) {
    this.#clock = clock;
    this.#log = log;
    this.#flushMs = flushMs;
  }

  /** Waits until everything up to `lsn` is durable. */
  *flush(lsn: Lsn): Task<void> {
    if (this.#log.flushedLsn >= lsn) return;
    const takes = this.#underWay ? 1 : this.#flushMs();
    if (takes <= 0) this.#log.flushTo(this.#log.insertLsn);
    else yield this.#waitFor(lsn, takes);
  }

  /** The WAL writer's round, for commits that do not wait. */
  later(delayMs: number): void {
    if (this.#laterIsDue) return;
    this.#laterIsDue = true;
    this.#clock.after(delayMs, () => {
      this.#laterIsDue = false;
      if (!this.#stopped) this.#log.flushTo(this.#log.insertLsn);
    });
  }

  /** The server is dead: nothing more becomes durable. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
  }

  #waitFor(lsn: Lsn, flushMs: number): Wait {
    let entry: { readonly lsn: Lsn; readonly wake: () => void } | undefined;
    return {
      event: 'WALSync',
      holdsOff: true,
      start: (wake) => {
        entry = { lsn, wake };
        this.#waiting.add(entry);
        if (!this.#underWay) this.#start(flushMs);
      },
      cancel: () => {
        if (entry !== undefined) this.#waiting.delete(entry);
      },
    };
  }

  #start(flushMs: number): void {
    this.#underWay = true;
    const target = this.#log.insertLsn;
    this.#clock.after(flushMs, () => {
      if (this.#stopped) return;
      this.#underWay = false;
      this.#log.flushTo(target);
      const awake = [...this.#waiting].filter(({ lsn }) => lsn <= target);
      for (const entry of awake) this.#waiting.delete(entry);
      if (this.#waiting.size > 0) this.#start(Math.max(0.01, this.#flushMs()));
      for (const entry of awake) entry.wake();
    });
  }
}
