/** What a client knows about a write. */
export type Outcome = 'pending' | 'acknowledged' | 'refused' | 'unknown';

interface Entry {
  readonly client: string;
  outcome: Outcome;
}

/**
 * Every write of every client, with what its client was told. An acknowledged write must be there at the end; a refused one must not;
 * of an unknown one both are right; nothing may be there twice, or that nobody wrote.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #onAcknowledged: (key: string, client: string) => void;

  constructor(onAcknowledged: (key: string, client: string) => void = () => undefined) {
    this.#onAcknowledged = onAcknowledged;
  }

  get size(): number {
    return this.#entries.size;
  }

  count(outcome: Outcome): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.outcome === outcome) count += 1;
    return count;
  }

  /** What a client was told is written: whoever looks now must see it. */
  acknowledgedOf(client: string): string[] {
    return [...this.#entries]
      .filter(([, entry]) => entry.client === client && entry.outcome === 'acknowledged')
      .map(([key]) => key);
  }

  intend(key: string, client: string): void {
    this.#entries.set(key, { client, outcome: 'pending' });
  }

  settle(key: string, outcome: Exclude<Outcome, 'pending'>): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.outcome = outcome;
    if (outcome === 'acknowledged') this.#onAcknowledged(key, entry.client);
  }

  /** Sentences about everything that is wrong with the rows found; `where` says who looked. */
  verify(found: readonly string[], where: string): string[] {
    const counts = new Map<string, number>();
    for (const key of found) counts.set(key, (counts.get(key) ?? 0) + 1);
    const wrong: string[] = [];
    for (const [key, { client, outcome }] of this.#entries) {
      const count = counts.get(key) ?? 0;
      if (outcome === 'acknowledged' && count === 0) {
        wrong.push(`${where} does not have ${key}, which was acknowledged to ${client}`);
      }
      if (outcome === 'refused' && count > 0)
        wrong.push(`${where} has ${key}, which ${client} was told is not written`);
      if (count > 1) wrong.push(`${where} has ${key} of ${client} ${count} times`);
    }
    for (const key of counts.keys()) if (!this.#entries.has(key)) wrong.push(`${where} has ${key}, which nobody wrote`);
    return wrong;
  }
}
