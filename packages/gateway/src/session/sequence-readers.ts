/** More users than this who ask for currval() are not remembered apart: all are taken for such. */
const readersMax = 10_000;

/**
 * Which users (each in a database) have been seen to call currval() or lastval(). Their sessions keep the backend that moved a sequence for them;
 * the others', which are nearly all, need not.
 */
export class SequenceReaders {
  readonly #seen: Set<string> = new Set();
  #everybody = false;

  /** Costs nothing as long as there is none. */
  has(user: string, database: string): boolean {
    return this.#everybody || (this.#seen.size > 0 && this.#seen.has(keyOf(user, database)));
  }

  add(user: string, database: string): void {
    this.#everybody ||= this.#seen.size >= readersMax;
    if (!this.#everybody) this.#seen.add(keyOf(user, database));
  }
}

function keyOf(user: string, database: string): string {
  return JSON.stringify([user, database]);
}
