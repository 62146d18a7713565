/**
 * Dice. In production a cryptographically strong source, in the simulator a seeded stream.
 *
 * Contract (`contract/random-contract.ts`): uniform; streams forked under different labels are independent, so a new draw in one
 * component does not change what the others see; in the simulator equal seeds and labels give equal streams. Forking draws nothing from the
 * parent, and what was drawn before does not matter: two forks of one label are twins there, so every component needs its own label.
 */
export interface Random {
  /** An integer in [0, limit). `limit` is an integer in [1, 2^48], anything else is refused by assertion. */
  below(limit: number): number;
  /** A number in [0, 1). */
  fraction(): number;
  /** `length` fresh bytes, fit for keys and nonces in production; the array is the caller's own. */
  bytes(length: number): Uint8Array;
  /** An independent stream. Same label, same parent: the same stream in the simulator. */
  fork(label: string): Random;
}
