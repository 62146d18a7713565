import { explainRegister, type RegisterOp } from '@multigres/history';

/** Rows that many users write and read: what each was told is kept, and judged at the end, key by key. */
export const registerKeys: readonly string[] = ['r1', 'r2', 'r3', 'r4'];

export class Registers {
  readonly #histories = new Map<string, RegisterOp[]>();

  note(key: string, op: RegisterOp): void {
    const history = this.#histories.get(key);
    if (history === undefined) this.#histories.set(key, [op]);
    else history.push(op);
  }

  get size(): number {
    let size = 0;
    for (const history of this.#histories.values()) size += history.length;
    return size;
  }

  /** A sentence per key whose history no order of operations explains. */
  judge(): string[] {
    return [...this.#histories].flatMap(([key, history]) => explainRegister(key, history) ?? []);
  }
}
