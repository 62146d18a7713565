/** What one pool has and could use. */
export interface Stake {
  readonly user: string;
  readonly database: string;
  /** Backends that it has, with those that are logging in and those that are on their way out. */
  readonly backends: number;
  /** How many it could use now, those that it uses included. */
  readonly wants: number;
  /** Since when its first in line waits; Infinity if nobody does. */
  readonly sinceMs: number;
}

/** How many backends there may be. */
export interface Places {
  readonly all: number;
  ofUser(user: string): number;
  ofDatabase(database: string): number;
}

export interface Verdict {
  /** How many backends are the pool's by right. */
  readonly share: number;
  /** How many it must give up for others that have less than their share. */
  readonly givesBack: number;
}

/** Counts down what is left, by name. */
class Budget {
  readonly #left: Map<string, number> = new Map();
  readonly #whole: (name: string) => number;

  constructor(whole: (name: string) => number) {
    this.#whole = whole;
  }

  left(name: string): number {
    return this.#left.get(name) ?? this.#whole(name);
  }

  take(name: string, count: number): void {
    this.#left.set(name, this.left(name) - count);
  }
}

/**
 * Max-min fairness ("progressive filling", Bertsekas and Gallager, Data Networks, section 6.5.2): one backend after the other goes to a pool with the fewest that could use
 * one more and may have it; among equals to the one that waits for longest. So nobody gets less than another one who has more than one more, unless that is all he wants or
 * may have. Answers in the order of the stakes.
 */
export function fairShares(stakes: readonly Stake[], places: Places): number[] {
  const shares = stakes.map(() => 0);
  const users = new Budget((name) => places.ofUser(name));
  const databases = new Budget((name) => places.ofDatabase(name));
  let left = places.all;
  let round = [...stakes.keys()].toSorted((a, b) => sinceOf(stakes, a) - sinceOf(stakes, b));
  while (round.length > 0 && left > 0) {
    const again: number[] = [];
    for (const i of round) {
      if (left === 0) break;
      const { user, database, wants } = stakes[i] as Stake;
      const share = shares[i] as number;
      if (share >= wants || users.left(user) <= 0 || databases.left(database) <= 0) continue;
      shares[i] = share + 1;
      users.take(user, 1);
      databases.take(database, 1);
      left -= 1;
      again.push(i);
    }
    round = again;
  }
  return shares;
}

function sinceOf(stakes: readonly Stake[], i: number): number {
  return Math.min(stakes[i]?.sinceMs ?? Infinity, Number.MAX_SAFE_INTEGER);
}

/** What each pool may have, and how much the ones that have more must give up so that those who have less get theirs. Undefined if nobody lacks anything. */
export function balance(stakes: readonly Stake[], places: Places): readonly Verdict[] | undefined {
  const shares = fairShares(stakes, places);
  const lacks = stakes.map(({ backends }, i) => Math.max(0, (shares[i] as number) - backends));
  let needed = -places.all;
  // Below zero: there is room.
  const ofUser = new Budget((name) => places.ofUser(name));
  const ofDatabase = new Budget((name) => places.ofDatabase(name));
  for (const [i, { user, database, backends }] of stakes.entries()) {
    const used = backends + (lacks[i] as number);
    needed += used;
    ofUser.take(user, used);
    ofDatabase.take(database, used);
  }
  if (needed <= 0 && lacks.every((lack) => lack === 0)) return undefined;
  const verdicts = shares.map((share) => ({ share, givesBack: 0 }));
  const excess = (i: number): number => (stakes[i] as Stake).backends - (shares[i] as number);
  for (const i of [...stakes.keys()].toSorted((a, b) => excess(b) - excess(a))) {
    if (excess(i) <= 0) break;
    const { user, database } = stakes[i] as Stake;
    const gives = Math.min(excess(i), Math.max(needed, -ofUser.left(user), -ofDatabase.left(database)));
    if (gives <= 0) continue;
    verdicts[i] = { share: shares[i] as number, givesBack: gives };
    needed -= gives;
    ofUser.take(user, -gives);
    ofDatabase.take(database, -gives);
  }
  return verdicts;
}
