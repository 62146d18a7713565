import { uniformBelow, uniformFraction } from '../../base/uniform.ts';
import type { Random } from '../random.ts';

/** One 32-bit lane of a hash: multiply and xor per UTF-16 unit (FNV-1a), then the finaliser of MurmurHash3, so that every bit counts. */
function lane(text: string, start: number): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Seeded dice for unit tests: Chris Doty-Humphrey's sfc32 (PractRand), seeded by the labels on the way from the root. Not for secrets. */
export class QuietRandom implements Random {
  readonly #path: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  readonly #word = (): number => this.#next();

  constructor(path: string) {
    this.#path = path;
    this.#a = lane(path, 0x811c9dc5);
    this.#b = lane(path, 0x9e3779b9);
    this.#c = lane(path, 0x2545f491);
    for (let i = 0; i < 12; i++) this.#next();
  }

  below(limit: number): number {
    return uniformBelow(limit, this.#word);
  }

  fraction(): number {
    return uniformFraction(this.#word);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#next() >>> 24);
  }

  fork(label: string): Random {
    // With its length, so that the fork `b` of `a` is not the fork `a/b`.
    return new QuietRandom(`${this.#path}/${label.length}:${label}`);
  }

  #next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }
}
