import type { Clock, PgError, Timer } from '@multigres/core';
import { noLeaderInTime, tooMuchWaits } from '../errors.ts';
import type { PoolerClient } from './pooler-client.ts';
import type { Seeker } from './route.ts';

export interface WaitingRoomLimits {
  /** Sessions that wait for a leader at once. */
  readonly bufferSessionsMax: number;
  /** What they keep for it, together. */
  readonly bufferBytesMax: number;
}

interface Waiting {
  readonly timer: Timer;
  bytes: number;
}

/** Who comes to a new leader at once: all of a thousand would only stand in line there. */
const waveSessions = 64;
const waveMs = 2;

/**
 * Where sessions wait while nobody leads, each with its next group at most: bounded in number, bytes and time, and let out in waves, in the order in
 * which they came.
 */
export class WaitingRoom {
  readonly #clock: Clock;
  readonly #limits: () => WaitingRoomLimits;
  /** In the order of their coming. */
  readonly #waiting: Map<Seeker, Waiting> = new Map();
  #bytes = 0;
  #wave: Timer | undefined;

  constructor(clock: Clock, limits: () => WaitingRoomLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(seeker: Seeker): boolean {
    return this.#waiting.has(seeker);
  }

  /** `why`: asked when the time is up. */
  enter(seeker: Seeker, untilMs: number, why: () => string): void {
    const { bufferSessionsMax, bufferBytesMax } = this.#limits();
    const isFull = this.#waiting.size >= bufferSessionsMax || this.#bytes >= bufferBytesMax;
    const waitMs = isFull ? 0 : Math.max(0, untilMs - this.#clock.nowMs());
    const error = isFull ? tooMuchWaits : noLeaderInTime;
    const timer = this.#clock.after(waitMs, () => this.#end(seeker, error(why())));
    this.#waiting.set(seeker, { timer, bytes: 0 });
  }

  leave(seeker: Seeker): boolean {
    const waiting = this.#waiting.get(seeker);
    if (waiting === undefined) return false;
    waiting.timer.cancel();
    this.#waiting.delete(seeker);
    this.#bytes -= waiting.bytes;
    return true;
  }

  /** False if it is too much by now. */
  keeps(seeker: Seeker, bytes: number): boolean {
    const waiting = this.#waiting.get(seeker);
    if (waiting === undefined) return true;
    waiting.bytes += bytes;
    this.#bytes += bytes;
    return this.#bytes < this.#limits().bufferBytesMax;
  }

  /** Lets them out as long as `leader` answers somebody. */
  letOut(leader: () => PoolerClient | undefined): void {
    this.#wave?.cancel();
    this.#wave = undefined;
    const client = leader();
    if (client === undefined) return;
    for (const seeker of this.#first()) if (this.leave(seeker)) seeker.found(client);
    if (this.#waiting.size > 0) this.#wave = this.#clock.after(waveMs, () => this.letOut(leader));
  }

  endAll(error: PgError): void {
    this.#wave?.cancel();
    for (const seeker of [...this.#waiting.keys()]) this.#end(seeker, error);
  }

  /** Who is found may come back at once; its turn is in another wave. */
  #first(): Seeker[] {
    const first: Seeker[] = [];
    for (const seeker of this.#waiting.keys()) {
      if (first.length === waveSessions) break;
      first.push(seeker);
    }
    return first;
  }

  #end(seeker: Seeker, error: PgError): void {
    if (this.leave(seeker)) seeker.notFound(error);
  }
}
