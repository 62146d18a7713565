import { seededDice } from '../quiet/seeded-dice.ts';
import { attack } from './attack.ts';
import { freePort, OwnPostgres } from './own-postgres.ts';
import { ProxyProcess, type Usage } from './proxy-process.ts';
import { SqlSession } from './sql-session.ts';

export interface ProxyFuzz {
  readonly minutes: number;
  readonly seed: number;
  readonly singleProcess?: boolean;
  /** Hostile sessions a second, at most; as many as go if absent. */
  readonly perSecond?: number;
}

export interface ProxyFuzzResult {
  readonly to: 'proxy';
  readonly seed: number;
  readonly minutes: number;
  readonly cases: number;
  readonly failures: number;
  readonly bytes: number;
  readonly perSecond: number;
  readonly canaryAsks: number;
  readonly canaryWorstMs: number;
  /** After a minute of it (or a third of the time), and in the end. */
  readonly residentMiBEarly: number;
  readonly residentMiBLate: number;
  readonly descriptorsBefore: number;
  readonly descriptorsAfter: number;
}

const attackersMax = 12;
const canaries = 3;
const startMsMax = 60_000;
/** What clients had sent is finished for a while after they left, and what they waited for ends by itself. */
const calmMsMax = 60_000;
/** Garbage that is not collected yet. */
const growthMiBMax = 96;

/** A real proxy between a real Postgres and clients that break the protocol, while canaries see whether they are told what is theirs. */
export async function fuzzProxy(options: ProxyFuzz, say: (line: string) => void): Promise<ProxyFuzzResult> {
  const postgres = await OwnPostgres.start(say);
  const proxy = new ProxyProcess(postgres.port, await freePort(), options.singleProcess === true);
  try {
    return await new Run(options, postgres, proxy, say).run();
  } finally {
    await proxy.stop();
    await postgres.stop();
  }
}

class Run {
  readonly #options: ProxyFuzz;
  readonly #postgres: OwnPostgres;
  readonly #proxy: ProxyProcess;
  readonly #say: (line: string) => void;
  #cases = 0;
  #bytes = 0;
  #failures = 0;
  #asks = 0;
  #worstMs = 0;
  #over = false;

  constructor(options: ProxyFuzz, postgres: OwnPostgres, proxy: ProxyProcess, say: (line: string) => void) {
    this.#options = options;
    this.#postgres = postgres;
    this.#proxy = proxy;
    this.#say = say;
  }

  async run(): Promise<ProxyFuzzResult> {
    const { minutes, seed } = this.#options;
    const direct = await patiently(() => SqlSession.connect(this.#postgres.port));
    await direct.query('create table fuzz (a int)');
    const first = await patiently(() => SqlSession.connect(this.#proxy.port));
    await first.query('select 1');
    const before = this.#proxy.usage;
    const started = performance.now();
    const endMs = started + minutes * 60_000;
    const work = Array.from({ length: attackersMax }, (_, i) => this.#attackUntil(`${seed}/${i}`, endMs));
    const watch = Array.from({ length: canaries }, (_, i) => this.#watch(i));
    await pause(Math.min(60_000, (minutes * 60_000) / 3));
    const early = this.#proxy.usage;
    await Promise.all(work);
    this.#over = true;
    await Promise.all(watch);
    const passed = (performance.now() - started) / 60_000;
    await this.#calm(direct, before);
    const late = this.#proxy.usage;
    if (late.residentMiB > early.residentMiB + growthMiBMax)
      this.#fail(`memory grew from ${early.residentMiB} to ${late.residentMiB} MiB`);
    first.end();
    direct.end();
    return {
      to: 'proxy',
      seed,
      minutes: Number(passed.toFixed(2)),
      cases: this.#cases,
      failures: this.#failures,
      bytes: this.#bytes,
      perSecond: Math.round(this.#cases / (passed * 60)),
      canaryAsks: this.#asks,
      canaryWorstMs: Math.round(this.#worstMs),
      residentMiBEarly: early.residentMiB,
      residentMiBLate: late.residentMiB,
      descriptorsBefore: before.descriptors,
      descriptorsAfter: late.descriptors,
    };
  }

  #fail(what: string): void {
    this.#failures += 1;
    this.#say(`FAILED ${what}`);
  }

  async #attackUntil(seed: string, endMs: number): Promise<void> {
    const { perSecond } = this.#options;
    const roundMs = perSecond === undefined ? 0 : (1000 * attackersMax) / perSecond;
    for (let round = 0; performance.now() < endMs && this.#proxy.isAlive; round++) {
      const begunMs = performance.now();
      this.#bytes += await attack(this.#proxy.port, seededDice(`${seed}/${round}`));
      this.#cases += 1;
      const restMs = roundMs - (performance.now() - begunMs);
      if (restMs > 0) await pause(restMs);
    }
    if (!this.#proxy.isAlive) this.#fail(`the proxy is gone: ${this.#proxy.lastWords}`);
  }

  /** Asks what only it can be answered, in and outside of transactions, in one session until that ends. */
  async #watch(number: number): Promise<void> {
    const session = await SqlSession.connect(this.#proxy.port);
    for (let ask = 1; !this.#over; ask++) {
      const text = `canary ${number} ${ask}`;
      const begun = performance.now();
      try {
        if (ask % 3 === 0) await session.query('begin');
        const heard = await session.query(`select '${text}'`);
        if (ask % 3 === 0) await session.query('commit');
        if (heard.length !== 1 || heard[0] !== text)
          this.#fail(`${text} was answered ${JSON.stringify(heard).slice(0, 200)}`);
      } catch (error) {
        this.#fail(`${text}: ${error instanceof Error ? error.message : String(error)}`);
        return;
      }
      this.#asks += 1;
      this.#worstMs = Math.max(this.#worstMs, performance.now() - begun);
      await pause(20);
    }
    session.end();
  }

  /** Nothing may be left: nobody works or waits in Postgres, and the proxy holds no more open than its backends. */
  async #calm(direct: SqlSession, before: Usage): Promise<void> {
    const busy =
      "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and state <> 'idle'";
    const held =
      "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
    const endMs = performance.now() + calmMsMax;
    for (;;) {
      const [working] = await direct.query(busy);
      const [backends] = await direct.query(held);
      const more = this.#proxy.usage.descriptors - before.descriptors - Number(backends);
      if (working === '0' && more <= 0) return;
      if (performance.now() > endMs)
        return this.#fail(
          `${working} backends are at work and ${more} descriptors too many are open, with nobody there`,
        );
      await pause(500);
    }
  }
}

async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + startMsMax;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await pause(200);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
