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

interface Heard {
  readonly ballot: SeenBallot;
  readonly heardMs: number;
}

/**
 * A promise is never taken back, whatever dies in between; members are told apart by their incarnation. Answers may overtake each other, so a promise binds
 * only what was asked after it had been heard.
 */
export class PromiseOracle {
  readonly #promised = new Map<string, Heard[]>();

  /** A member, asked at `askedMs`, was heard to promise this at `heardMs`; a sentence if it had promised more before it was asked. */
  heard(member: string, ballot: SeenBallot, askedMs: number, heardMs: number): string | undefined {
    const all = this.#promised.get(member) ?? [];
    this.#promised.set(member, [...all, { ballot, heardMs }]);
    const broken = all.find((before) => before.heardMs <= askedMs && ballotOrder(ballot, before.ballot) < 0);
    if (broken === undefined) return undefined;
    return `${member} promises ${ballotText(ballot)} after it had promised ${ballotText(broken.ballot)}`;
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
