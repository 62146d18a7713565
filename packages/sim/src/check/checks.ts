import type { Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import { Ledger } from './ledger.ts';
import { LockOracle } from './lock-oracle.ts';
import { Watch } from './watch.ts';

/** How operations of the clients went. */
export interface Tally {
  ok: number;
  failed: number;
  unknown: number;
}

/** The oracles of one run, shared by all clients. */
export class Checks {
  readonly ledger: Ledger = new Ledger();
  readonly locks: LockOracle = new LockOracle();
  readonly watch: Watch;
  /** Sessions of the user with a limit, as its clients see them. */
  readonly guests: { inside: number } = { inside: 0 };
  readonly tally: Tally = { ok: 0, failed: 0, unknown: 0 };
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.watch = new Watch(kernel);
  }

  get failed(): boolean {
    return this.#kernel.failures.length > 0;
  }

  nowMs(): number {
    return this.#kernel.nowMs;
  }

  /** A line for people who look at the run. */
  note(life: Life, text: () => string): void {
    this.#kernel.trace.line(this.#kernel.nowUs, life.node, text);
  }

  fail(oracle: string, sentence: string): void {
    this.#kernel.fail(oracle, sentence);
  }
}
