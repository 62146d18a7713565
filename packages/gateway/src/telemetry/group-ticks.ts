/**
 * When the groups under way of one session were asked for, oldest first. Nearly every session has at most one, so that takes no list: there
 * are as many of these as sessions.
 */
export class GroupTicks {
  #count = 0;
  #oldest = 0;
  #later: number[] | undefined;

  asked(tick: number): void {
    this.#count += 1;
    if (this.#count === 1) this.#oldest = tick;
    else (this.#later ??= []).push(tick);
  }

  /** The oldest one is answered: when it was asked for; undefined if there is none. */
  answered(): number | undefined {
    if (this.#count === 0) return undefined;
    this.#count -= 1;
    const tick = this.#oldest;
    if (this.#later !== undefined) this.#oldest = this.#later.shift() ?? 0;
    if (this.#count === 0) this.#later = undefined;
    return tick;
  }
}
