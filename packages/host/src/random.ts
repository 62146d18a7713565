import { randomFillSync } from 'node:crypto';
import { uniformBelow, uniformFraction, type Random } from '@multigres/core';

/** Words drawn from the operating system at once: one call costs about as much as a hundred words. */
const wordsPerDraw = 1024;
/** Up to here the words at hand are used: keys and nonces of logins. */
const shortBytes = 64;

/** Cryptographically strong dice. Every stream is independent of every other, so a fork is the same source. */
export class HostRandom implements Random {
  readonly #words = new Uint32Array(wordsPerDraw);
  #at = wordsPerDraw;
  readonly #word = (): number => this.#next();

  below(limit: number): number {
    return uniformBelow(limit, this.#word);
  }

  fraction(): number {
    return uniformFraction(this.#word);
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (length > shortBytes) return randomFillSync(bytes);
    for (let at = 0; at < length; at += 4) {
      const word = this.#next();
      for (let i = at; i < length && i < at + 4; i++) bytes[i] = word >>> (8 * (i - at));
    }
    return bytes;
  }

  fork(_label: string): Random {
    return this;
  }

  #next(): number {
    if (this.#at === wordsPerDraw) {
      randomFillSync(this.#words);
      this.#at = 0;
    }
    const word = this.#words[this.#at] as number;
    // A word that was given out must not be found in a core dump.
    this.#words[this.#at] = 0;
    this.#at += 1;
    return word;
  }
}
