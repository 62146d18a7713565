import type { Random } from '@multigres/core';

/** Draws of the kinds that a fuzzer needs. */
export class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  below(limit: number): number {
    return this.#random.below(limit);
  }

  chance(probability: number): boolean {
    return this.#random.fraction() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)] as T;
  }

  bytes(length: number): Uint8Array {
    return this.#random.bytes(length);
  }

  /** 1 or more, small ones far more often than large ones, at most `max`. */
  size(max: number): number {
    const bits = this.#random.below(Math.ceil(Math.log2(max + 1))) + 1;
    return Math.min(max, 1 + this.#random.below(2 ** bits));
  }

  /** What a length field may say, the truth not among it. */
  wrongLength(truth: number): number {
    const choices = [0, 1, 3, 4, 5, truth - 1, truth + 1, truth + 4, 2 * truth, 9_999, 10_001, 0x3fff_fffe];
    return this.pick([...choices, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) >>> 0;
  }
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
