import type { Clock, Timer } from '@multigres/core';
import { PinReason } from '@multigres/sql';

/** A backend that a session holds. */
export interface Held {
  /** Counts what was sent there. */
  readonly turnGroups: number;
}

export interface Holder {
  readonly pins: number;
  readonly isActive: boolean;
  claim(idle: boolean): void;
}

export interface ClaimsParts<B> {
  readonly clock: Clock;
  /** Somebody could use a backend and has none. */
  readonly isWanted: () => boolean;
  readonly holders: () => Iterable<readonly [backend: B, holder: Holder]>;
}

const lookMs = 100;

/** Who asks for currval() does it soon after the INSERT. */
const idleLooks = 10;

/**
 * A session that may ask for currval() keeps its backend until somebody else needs it: while others wait, it is asked to give it back. Its gateway does so
 * between two transactions, and refuses the question from then on. Without this, as many idle sessions as there are backends would stop all others.
 * One timer, and none while nobody waits.
 */
export class Claims<B extends Held> {
  readonly #parts: ClaimsParts<B>;
  #timer: Timer | undefined;
  /** How much was sent to a backend up to the last look, and for how many looks nothing came. */
  #seen: Map<B, { readonly groups: number; readonly looks: number }> = new Map();

  constructor(parts: ClaimsParts<B>) {
    this.#parts = parts;
  }

  /** Somebody has begun to wait. */
  watch(): void {
    this.#timer ??= this.#parts.clock.after(lookMs, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const before = this.#seen;
    this.#seen = new Map();
    if (!this.#parts.isWanted()) return;
    for (const [backend, holder] of this.#parts.holders()) {
      if (holder.pins !== PinReason.sequence) continue;
      const groups = backend.turnGroups;
      const last = before.get(backend);
      const looks = last?.groups === groups && !holder.isActive ? last.looks + 1 : 0;
      this.#seen.set(backend, { groups, looks });
      holder.claim(looks >= idleLooks);
    }
    this.watch();
  }
}
