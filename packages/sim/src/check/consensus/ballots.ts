/** A ballot as plain values: the oracles compare ballots by themselves. */
export interface SeenBallot {
  readonly term: bigint;
  readonly coordinator: string;
  readonly nonce: string;
}

/** Below 0: `a` is lower (docs/consensus.md, "Who is who": term, then coordinator, then nonce). */
export function ballotOrder(a: SeenBallot, b: SeenBallot): number {
  if (a.term !== b.term) return a.term < b.term ? -1 : 1;
  return textOrder(a.coordinator, b.coordinator) || textOrder(a.nonce, b.nonce);
}

export function ballotText({ term, coordinator, nonce }: SeenBallot): string {
  return `${term}/${coordinator}/${nonce}`;
}

function textOrder(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** A promise is never taken back, whatever dies in between; members are told apart by their incarnation. */
export class PromiseOracle {
  readonly #promised = new Map<string, SeenBallot>();

  /** A member was heard to promise this; a sentence if it had promised more before. */
  heard(member: string, ballot: SeenBallot): string | undefined {
    const before = this.#promised.get(member);
    if (before !== undefined && ballotOrder(ballot, before) < 0) {
      return `${member} promises ${ballotText(ballot)} after it had promised ${ballotText(before)}`;
    }
    this.#promised.set(member, ballot);
    return undefined;
  }
}

/** Counts attempts to change the leader: a storm of them is a loss of liveness even where each is safe. */
export class BallotOracle {
  readonly #firstMs = new Map<string, number>();

  heard(ballot: SeenBallot, atMs: number): void {
    const text = ballotText(ballot);
    if (!this.#firstMs.has(text)) this.#firstMs.set(text, atMs);
  }

  get count(): number {
    return this.#firstMs.size;
  }

  countSince(fromMs: number): number {
    return [...this.#firstMs.values()].filter((atMs) => atMs >= fromMs).length;
  }

  /** A sentence if more ballots than that were first heard after `fromMs`. */
  storm(fromMs: number, most: number): string | undefined {
    const count = this.countSince(fromMs);
    return count > most ? `${count} ballots after ${fromMs} ms, when at most ${most} were to be expected` : undefined;
  }
}
