import { setTimeout as sleep } from 'node:timers/promises';
import { WriteLedger } from '@multigres/history';
import { SqlClient, type SqlLogin } from '../sql-client.ts';
import { Dice } from './dice.ts';
import { endingOf, NoAnswer, went, type Ending } from './outcome.ts';
import { RegisterEpochs } from './register-epochs.ts';

/** Longer than a gateway lets anybody wait. */
const answerMsMax = 60_000;
const loginMsMax = 20_000;
/** Between two operations of a client: the machine shall have time for the cluster, too. */
const thinkMsMax = 15;

export const schemaSql = `
  create schema if not exists chaos;
  create table if not exists chaos.ledger (number bigint primary key, client int not null);
  create table if not exists chaos.register (key text primary key, value text not null);
`;

/** What clients have met, for the report. */
export interface Traffic {
  readonly errors: ReadonlyMap<string, number>;
  /** Acknowledged writes, errors and unknown outcomes of each second since the start. */
  readonly seconds: readonly Second[];
  /** Times without an acknowledged write that are longer than usual, in order. */
  readonly pauses: readonly Pause[];
  readonly reads: number;
}

export interface Second {
  writes: number;
  errors: number;
  unknown: number;
}

export interface Pause {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A pause is worth telling from here on. */
const pauseMsMin = 200;

/** Clients that write and read all the time through the gateways, and remember what they were told. */
export class Workload {
  readonly ledger: WriteLedger = new WriteLedger();
  readonly registers: RegisterEpochs = new RegisterEpochs();
  readonly #logins: readonly SqlLogin[];
  readonly #errors = new Map<string, number>();
  readonly #seconds: Second[] = [];
  readonly #pauses: Pause[] = [];
  readonly #startMs = performance.now();
  readonly #running: Promise<void>[] = [];
  #lastAckMs = 0;
  #reads = 0;
  #values = 0;
  #stopped = false;

  /** `logins`: of each gateway. */
  constructor(logins: readonly SqlLogin[]) {
    this.#logins = logins;
  }

  start(seed: number, clients: number): void {
    for (let i = 0; i < clients; i++) this.#running.push(this.#client(i, new Dice(seed * 7919 + i)));
  }

  /** Since the start, ms. */
  nowMs(): number {
    return performance.now() - this.#startMs;
  }

  /** When a write was last acknowledged. */
  get lastAckMs(): number {
    return this.#lastAckMs;
  }

  get traffic(): Traffic {
    return { errors: this.#errors, seconds: this.#seconds, pauses: this.#pauses, reads: this.#reads };
  }

  /** Resolves when no client runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #client(number: number, dice: Dice): Promise<void> {
    let attempt = number;
    while (!this.#stopped) {
      const login = this.#logins[attempt % this.#logins.length] as SqlLogin;
      attempt += 1;
      let client: SqlClient | undefined;
      try {
        client = await within(SqlClient.connect(login), loginMsMax);
        await this.#session(client, number, dice);
      } catch (error) {
        this.#count(client === undefined ? `login: ${endingOf(error).error}` : (endingOf(error).error ?? ''));
      }
      client?.destroy();
      if (!this.#stopped) await sleep(dice.between(20, 200));
    }
  }

  /** Until it is told to stop, or its connection is of no use any more. */
  async #session(client: SqlClient, number: number, dice: Dice): Promise<void> {
    let isOver = false;
    void client.ended.then(() => (isOver = true));
    while (!this.#stopped && !isOver) {
      const act = dice.weighted<() => Promise<boolean>>([
        [4, () => this.#insert(client, number)],
        [2, () => this.#transaction(client, number)],
        [3, () => this.#write(client, number, dice)],
        [4, () => this.#read(client, number, dice)],
      ]);
      if (!(await act())) return;
      await sleep(dice.between(1, thinkMsMax));
    }
  }

  async #insert(client: SqlClient, number: number): Promise<boolean> {
    const row = this.ledger.take();
    const ending = await this.#ask(client, `insert into chaos.ledger values (${row}, ${number})`);
    this.#wrote([row], ending);
    return isUsable(ending);
  }

  /** Two rows that are there both or neither; COMMIT is where it is decided. */
  async #transaction(client: SqlClient, number: number): Promise<boolean> {
    const rows = [this.ledger.take(), this.ledger.take()];
    const texts = ['begin', ...rows.map((row) => `insert into chaos.ledger values (${row}, ${number})`)];
    for (const text of texts) {
      const ending = await this.#ask(client, text);
      if (ending.outcome === 'ok') continue;
      // Nothing is committed that was not asked to be.
      this.#wrote(rows, { ...ending, outcome: 'failed' });
      return isUsable(ending) && (await this.#ask(client, 'rollback')).outcome === 'ok';
    }
    const ending = await this.#ask(client, 'commit');
    this.#wrote(rows, ending);
    return isUsable(ending);
  }

  async #write(client: SqlClient, number: number, dice: Dice): Promise<boolean> {
    const beganMs = this.nowMs();
    const key = dice.pick(this.registers.keys(beganMs));
    const value = `v${++this.#values}`;
    const upsert = `insert into chaos.register values ('${key}', '${value}') on conflict (key) do update set value = excluded.value`;
    const ending = await this.#ask(client, upsert);
    const endedMs = ending.outcome === 'unknown' ? Infinity : this.nowMs();
    this.registers.note(key, { kind: 'write', client: `c${number}`, value, beganMs, endedMs, outcome: ending.outcome });
    this.#tell(ending);
    return isUsable(ending);
  }

  async #read(client: SqlClient, number: number, dice: Dice): Promise<boolean> {
    const beganMs = this.nowMs();
    const key = dice.pick(this.registers.keys(beganMs));
    try {
      const value = await within(client.value(`select value from chaos.register where key = '${key}'`), answerMsMax);
      this.registers.note(key, {
        kind: 'read',
        client: `c${number}`,
        value: value ?? undefined,
        beganMs,
        endedMs: this.nowMs(),
      });
      this.#reads += 1;
      return true;
    } catch (error) {
      const ending = endingOf(error);
      if (ending.error !== undefined) this.#count(ending.error);
      return isUsable(ending);
    }
  }

  async #ask(client: SqlClient, text: string): Promise<Ending> {
    try {
      await within(client.query(text), answerMsMax);
      return went;
    } catch (error) {
      return endingOf(error);
    }
  }

  #wrote(rows: readonly number[], ending: Ending): void {
    for (const row of rows) this.ledger.note(row, ending.outcome);
    this.#tell(ending);
  }

  #tell({ outcome, error }: Ending): void {
    const nowMs = this.nowMs();
    const second = this.#second(nowMs);
    if (outcome === 'ok') {
      second.writes += 1;
      if (nowMs - this.#lastAckMs > pauseMsMin) this.#pauses.push({ fromMs: this.#lastAckMs, toMs: nowMs });
      this.#lastAckMs = nowMs;
      return;
    }
    if (outcome === 'unknown') second.unknown += 1;
    else second.errors += 1;
    if (error !== undefined) this.#count(error);
  }

  #second(nowMs: number): Second {
    const index = Math.floor(nowMs / 1000);
    while (this.#seconds.length <= index) this.#seconds.push({ writes: 0, errors: 0, unknown: 0 });
    return this.#seconds[index] as Second;
  }

  #count(error: string): void {
    this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1);
  }
}

/** After an answer the session goes on; after silence or the end of the connection it does not. */
function isUsable({ outcome, error }: Ending): boolean {
  return outcome !== 'unknown' || (error?.startsWith('0') ?? false) || (error?.startsWith('4') ?? false);
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = new AbortController();
  work.catch(() => undefined);
  try {
    return await Promise.race([
      work,
      sleep(ms, undefined, { signal: late.signal }).then(() => {
        throw new NoAnswer();
      }),
    ]);
  } finally {
    late.abort();
  }
}
