interface Held {
  readonly session: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Mutual exclusion of advisory locks. Only intervals that are certain count: from the reply that gave the lock to the call of the unlock
 * that answered "it was yours". Two of them must never overlap.
 */
export class LockOracle {
  readonly #held = new Map<number, Held[]>();

  /** A sentence if the certain interval overlaps with another session's. */
  confirm(lock: number, session: string, fromMs: number, untilMs: number): string | undefined {
    const others = this.#held.get(lock) ?? [];
    this.#held.set(lock, [...others, { session, fromMs, untilMs }]);
    const clash = others.find((other) => other.session !== session && other.fromMs < untilMs && fromMs < other.untilMs);
    if (clash === undefined) return undefined;
    return `advisory lock ${lock} was held by ${clash.session} and by ${session} at the same time`;
  }
}
