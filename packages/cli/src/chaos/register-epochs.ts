import { explainRegister, type RegisterOp } from '@multigres/history';

/** Keys are used for this long, so that the history of each stays short enough to be judged. */
const epochMs = 15_000;
const keysPerEpoch = 5;
/** An epoch is judged when none of its operations can still be under way. */
const judgedAfterMs = 120_000;

export interface StaleKey {
  readonly key: string;
  readonly sentence: string;
}

/** Histories of keys that many clients write and read, judged and forgotten epoch by epoch. */
export class RegisterEpochs {
  readonly #epochs = new Map<number, Map<string, RegisterOp[]>>();
  readonly #stale: StaleKey[] = [];
  #ops = 0;

  /** The keys in use at this moment. */
  keys(nowMs: number): readonly string[] {
    const epoch = Math.floor(nowMs / epochMs);
    return Array.from({ length: keysPerEpoch }, (_, i) => `e${epoch}-${i}`);
  }

  note(key: string, op: RegisterOp): void {
    const epoch = Number(key.slice(1, key.indexOf('-')));
    const histories = this.#epochs.get(epoch) ?? new Map<string, RegisterOp[]>();
    this.#epochs.set(epoch, histories);
    const history = histories.get(key);
    if (history === undefined) histories.set(key, [op]);
    else history.push(op);
    this.#ops += 1;
  }

  /** Operations that were noted. */
  get ops(): number {
    return this.#ops;
  }

  /** Judges what is old enough, or everything. Answers the keys that no order of operations explains, all of them so far. */
  judge(nowMs: number): readonly StaleKey[] {
    for (const [epoch, histories] of this.#epochs) {
      if ((epoch + 1) * epochMs + judgedAfterMs > nowMs) continue;
      this.#epochs.delete(epoch);
      for (const [key, history] of histories) {
        const sentence = explainRegister(key, history);
        if (sentence !== undefined) this.#stale.push({ key, sentence });
      }
    }
    return this.#stale;
  }
}
