import { explainRegister, type RegisterOp } from '@multigres/history';

/** Rows that many users write and read: what each was told is kept, and judged at the end, key by key. */
export const registerKeys: readonly string[] = ['r1', 'r2', 'r3', 'r4'];

/** How a write came out. */
type WriteEnd = Pick<Extract<RegisterOp, { readonly kind: 'write' }>, 'outcome' | 'endedMs'>;

export class Registers {
  readonly #histories = new Map<string, RegisterOp[]>();

  note(key: string, op: RegisterOp): void {
    const history = this.#histories.get(key);
    if (history === undefined) this.#histories.set(key, [op]);
    else history.push(op);
  }

  /** A write is under way: until it is settled it may take effect, also if its client dies. */
  intend(key: string, client: string, value: string, beganMs: number): (op: WriteEnd) => void {
    const pending = {
      kind: 'write',
      client,
      value,
      beganMs,
      endedMs: Number.POSITIVE_INFINITY,
      outcome: 'unknown',
    } as const;
    this.note(key, pending);
    return (end) => {
      const history = this.#histories.get(key) ?? [];
      history[history.indexOf(pending)] = { ...pending, ...end };
    };
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
