import type { WatchedGroup } from './group-watch.ts';

/**
 * When the groups under way of one session were asked for, oldest first. Nearly every session has at most one, and nobody watches it, so that takes
 * no list: there are as many of these as sessions.
 */
export class GroupTicks {
  /** Of the group that was answered last, if it was watched. */
  watched: WatchedGroup | undefined;
  #count = 0;
  #oldest = 0;
  #later: number[] | undefined;
  /** As many as there are groups, while any of them is watched. */
  #watched: (WatchedGroup | undefined)[] | undefined;

  asked(tick: number, watched?: WatchedGroup): void {
    if (watched !== undefined) this.#watched ??= Array.from({ length: this.#count });
    this.#watched?.push(watched);
    this.#count += 1;
    if (this.#count === 1) this.#oldest = tick;
    else (this.#later ??= []).push(tick);
  }

  /** The oldest one is answered: when it was asked for; undefined if there is none. */
  answered(): number | undefined {
    if (this.#count === 0) return undefined;
    this.#count -= 1;
    const tick = this.#oldest;
    this.watched = this.#watched?.shift();
    if (this.#later !== undefined) this.#oldest = this.#later.shift() ?? 0;
    if (this.#count === 0) this.#later = this.#watched = undefined;
    return tick;
  }
}
