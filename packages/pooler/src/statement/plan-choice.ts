/**
 * PostgreSQL plans a prepared statement anew for its parameters in its first five runs; then it may go over to one plan for all parameters if that looks no
 * dearer (documentation, PREPARE, "Notes"). It never does so for an unnamed statement that is parsed each time, which is what clients of carried
 * statements often send. Where the plan for all is much worse than it looked, they would notice.
 */
export const customRuns = 5;

const runsMin = 16;
const worse = 2;
const worseMs = 0.5;
const better = 0.75;

class Mean {
  runs = 0;
  ms = 0;

  add(ms: number): void {
    this.runs += 1;
    // Later the mean follows the latest runs.
    this.ms += (ms - this.ms) / Math.min(this.runs, 4 * runsMin);
  }
}

type Phase =
  /** Postgres decides. */
  | 'watching'
  /** Prepared again after every fifth run, to see whether that helps. */
  | 'trying'
  /** It helped. */
  | 'anew'
  /** It did not: the machine was busy, or the parameters are such. */
  | 'left';

/**
 * Whether a carried statement is better off without a plan for all parameters. It compares first runs with later ones; if the later ones are much slower it
 * tries to prepare the statement again after every fifth run on a backend, and stays with that if it helps.
 */
export class PlanChoice {
  #phase: Phase = 'watching';
  readonly #first: Mean = new Mean();
  readonly #later: Mean = new Mean();
  readonly #tried: Mean = new Mean();

  /** Prepare it again on a backend where it has had its `customRuns`. */
  get preparesAnew(): boolean {
    return this.#phase === 'trying' || this.#phase === 'anew';
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** It took so long in the run of this number (from 1) since it was prepared on its backend. */
  record(ms: number, run: number): void {
    if (this.#phase === 'trying') return this.#try(ms, run);
    if (this.#phase !== 'watching') return;
    const mean = run <= customRuns ? this.#first : this.#later;
    mean.add(ms);
    if (this.#first.runs < runsMin || this.#later.runs < runsMin) return;
    if (this.#later.ms > worse * this.#first.ms + worseMs) this.#phase = 'trying';
  }

  #try(ms: number, run: number): void {
    // Runs that were sent before it was prepared again still count to the old plan.
    if (run > customRuns) return;
    this.#tried.add(ms);
    if (this.#tried.runs < 2 * runsMin) return;
    this.#phase = this.#tried.ms < better * this.#later.ms ? 'anew' : 'left';
  }
}
