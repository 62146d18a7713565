import { Writer, type WriterOwner } from './writer.ts';

const statement = 'insert into bench_failover (at) values (clock_timestamp())';
export const failoverTable =
  'create table if not exists bench_failover (id bigserial primary key, at timestamptz not null)';

/** What was seen between two marks. */
export interface Seen {
  /** The longest time without an acknowledged write, ms. */
  readonly pauseMs: number;
  readonly writes: number;
  readonly errors: ReadonlyMap<string, number>;
  readonly reconnects: number;
}

/** Clients that write all the time, over the connections of one pool to one gateway. */
export class WriteLoad implements WriterOwner {
  readonly #writers: readonly Writer[];
  #errors = new Map<string, number>();
  #lastMs: number = performance.now();
  #pauseMs = 0;
  #writes = 0;
  #reconnects = 0;

  constructor(port: number, connections: number) {
    this.#writers = Array.from({ length: connections }, () => new Writer(this, port, statement));
  }

  acknowledged(atMs: number): void {
    this.#pauseMs = Math.max(this.#pauseMs, atMs - this.#lastMs);
    this.#lastMs = atMs;
    this.#writes += 1;
  }

  failed(kind: string): void {
    this.#errors.set(kind, (this.#errors.get(kind) ?? 0) + 1);
  }

  reconnected(): void {
    this.#reconnects += 1;
  }

  /** Forgets what was before. */
  mark(): void {
    this.#errors = new Map();
    this.#pauseMs = 0;
    this.#writes = 0;
    this.#reconnects = 0;
  }

  get seen(): Seen {
    return { pauseMs: this.#pauseMs, writes: this.#writes, errors: this.#errors, reconnects: this.#reconnects };
  }

  /** Resolves when that many writes more were acknowledged; rejects if that takes too long. */
  async flows(writes: number, msMax: number): Promise<void> {
    const wanted = this.#writes + writes;
    const untilMs = performance.now() + msMax;
    while (this.#writes < wanted) {
      if (performance.now() > untilMs) throw new Error(`no ${writes} writes within ${msMax / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  stop(): void {
    for (const writer of this.#writers) writer.stop();
  }
}
