/** Of more users than this the oldest are forgotten. */
const usersMax = 10_000;

/** So many statements of sessions that have called nextval(), and none of them currval(): the user will not ask. */
const patience = 1_000;

/**
 * Which users (each in a database) call currval() or lastval(). A session whose user does keeps the backend that moved a sequence for it; one whose
 * user does not, as nearly all, need not. About a user of whom nothing is known yet it is supposed that nextval(), said in so many words, is
 * followed by currval(); after `patience` statements it is not.
 */
export class SequenceReaders {
  /** Statements that went by without a question; Infinity: it has asked. */
  readonly #patience: Map<string, number> = new Map();

  /** Whether the user has asked. */
  has(user: string, database: string): boolean {
    return this.#patience.size > 0 && this.#patience.get(keyOf(user, database)) === Infinity;
  }

  /** Whether the user is known not to ask. */
  hasNot(user: string, database: string): boolean {
    const count = this.#patience.get(keyOf(user, database)) ?? 0;
    return count !== Infinity && count >= patience;
  }

  asked(user: string, database: string): void {
    this.#set(keyOf(user, database), Infinity);
  }

  /** A session that has called nextval() did something else. */
  wentBy(user: string, database: string): void {
    const key = keyOf(user, database);
    this.#set(key, (this.#patience.get(key) ?? 0) + 1);
  }

  #set(key: string, count: number): void {
    if (this.#patience.size >= usersMax && !this.#patience.has(key))
      this.#patience.delete(this.#patience.keys().next().value as string);
    this.#patience.set(key, count);
  }
}

function keyOf(user: string, database: string): string {
  return JSON.stringify([user, database]);
}
