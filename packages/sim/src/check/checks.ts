import type { Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import { BallotOracle, PromiseOracle } from './consensus/ballots.ts';
import { ConsensusLedger } from './consensus/consensus-ledger.ts';
import { Registers } from './consensus/registers.ts';
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
  readonly ledger: Ledger = new Ledger((key, client) => {
    this.consensus.acknowledged(key, client, this.nowMs());
    this.acknowledgedMs.push(this.nowMs());
  });
  /** When writes were acknowledged. */
  readonly acknowledgedMs: number[] = [];
  /** What consensus must keep; fed where there is a shard. */
  readonly consensus: ConsensusLedger = new ConsensusLedger();
  readonly registers: Registers = new Registers();
  readonly promises: PromiseOracle = new PromiseOracle();
  readonly ballots: BallotOracle = new BallotOracle();
  /** Told of every value that a user reads: where it is stored, a god can see. */
  onSight: (value: string, reader: string) => void = () => undefined;
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

  /** The longest time without an acknowledged write, between these two. */
  longestSilenceMs(fromMs: number, toMs: number): number {
    const times = [fromMs, ...this.acknowledgedMs.filter((atMs) => atMs > fromMs && atMs < toMs), toMs];
    return times.slice(1).reduce((most, atMs, i) => Math.max(most, atMs - (times[i] as number)), 0);
  }

  /** A user reads this now. */
  saw(value: string, reader: string): void {
    this.onSight(value, reader);
  }

  fail(oracle: string, sentence: string): void {
    this.#kernel.fail(oracle, sentence);
  }
}
