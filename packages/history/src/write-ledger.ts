/** What the writer of a row was told. `failed`: an error that promises that nothing was written. */
export type WriteOutcome = 'ok' | 'failed' | 'unknown';

export interface LedgerVerdict {
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
  /** Acknowledged, and not there. */
  readonly lost: readonly number[];
  /** There, though the writer was told that they are not, or though nobody wrote them. */
  readonly ghosts: readonly number[];
}

const codes: Readonly<Record<WriteOutcome, number>> = { ok: 1, failed: 2, unknown: 3 };

/**
 * What became of many rows, each written once, with numbers from 0 upward as their keys: a byte for each, so that millions cost nothing. A row
 * whose writer has heard nothing yet is not judged.
 */
export class WriteLedger {
  #outcomes = new Uint8Array(1024);
  #next = 0;

  /** The number of a row that is about to be written. */
  take(): number {
    const number = this.#next;
    this.#next += 1;
    if (number >= this.#outcomes.length) {
      const larger = new Uint8Array(2 * this.#outcomes.length);
      larger.set(this.#outcomes);
      this.#outcomes = larger;
    }
    return number;
  }

  /** Its writer was told this. */
  note(number: number, outcome: WriteOutcome): void {
    this.#outcomes[number] = codes[outcome];
  }

  count(outcome: WriteOutcome): number {
    const code = codes[outcome];
    let count = 0;
    for (const each of this.#outcomes.subarray(0, this.#next)) if (each === code) count += 1;
    return count;
  }

  /** Compares with the rows that are there. */
  judge(present: Iterable<number>): LedgerVerdict {
    const seen = new Uint8Array(this.#next);
    const ghosts: number[] = [];
    for (const number of present) {
      if (number >= this.#next || this.#outcomes[number] === codes.failed) ghosts.push(number);
      else seen[number] = 1;
    }
    const lost: number[] = [];
    for (let number = 0; number < this.#next; number++) {
      if (this.#outcomes[number] === codes.ok && seen[number] === 0) lost.push(number);
    }
    return {
      acknowledged: this.count('ok'),
      failed: this.count('failed'),
      unknown: this.count('unknown'),
      lost,
      ghosts,
    };
  }
}
