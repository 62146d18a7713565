import { fork, type ChildProcess } from 'node:child_process';
import { BenchError } from '../errors.ts';
import { Histogram, type HistogramRecord } from './histogram.ts';
import type { LoadOrder, LoadPlan, LoadReport, LoadShare } from './load-plan.ts';
import type { LoopResult } from './loop.ts';
import { sourceAddresses } from './source-addresses.ts';

export interface LoadResult {
  readonly completed: number;
  readonly failed: number;
  readonly unanswered: number;
  readonly sent: number;
  readonly perSecond: number;
  readonly latency: Histogram;
  readonly lateness: Histogram;
}

export interface Logins {
  readonly sessions: number;
  readonly perSecond: number;
  readonly latency: Histogram;
}

const script = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/** Our own load generator: processes that hold sessions and send statements, and add up what they saw. */
export class LoadGenerator {
  readonly #processes: readonly LoadProcess[];

  private constructor(processes: readonly LoadProcess[]) {
    this.#processes = processes;
  }

  /**
   * Logs all sessions in, shared out among processes. Throws a BenchError if one is refused; `processes` is cut to the number of sessions.
   */
  static async open(plan: LoadPlan, processes: number): Promise<{ generator: LoadGenerator; logins: Logins }> {
    const shares = sharesOf(plan, processes);
    const generator = new LoadGenerator(shares.map(() => new LoadProcess()));
    try {
      const reports = await Promise.all(
        generator.#processes.map((one, index) =>
          one.ask({ kind: 'open', share: shares[index] as LoadShare }, 'opened'),
        ),
      );
      const logins = reports.map((report) => report.logins);
      const sessions = logins.reduce((all, part) => all + part.sessions, 0);
      const ms = Math.max(...logins.map((part) => part.ms));
      return {
        generator,
        logins: { sessions, perSecond: (sessions * 1000) / ms, latency: sum(logins.map((l) => l.latency)) },
      };
    } catch (error) {
      await generator.close();
      throw error;
    }
  }

  get pids(): readonly number[] {
    return this.#processes.map(({ pid }) => pid);
  }

  /** Sends the load. Once: the sessions' state is not known afterwards. */
  async load(): Promise<LoadResult> {
    const reports = await Promise.all(this.#processes.map((one) => one.ask({ kind: 'load' }, 'loaded')));
    return merged(reports.map((report) => report.result));
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.close()));
  }
}

function merged(parts: readonly LoopResult[]): LoadResult {
  const total = (pick: (part: LoopResult) => number): number => parts.reduce((all, part) => all + pick(part), 0);
  const completed = total((part) => part.completed);
  return {
    completed,
    failed: total((part) => part.failed),
    unanswered: total((part) => part.unanswered),
    sent: total((part) => part.sent),
    perSecond: (completed * 1000) / (parts[0]?.measureMs ?? 1),
    latency: sum(parts.map((part) => part.latency)),
    lateness: sum(parts.map((part) => part.lateness)),
  };
}

function sum(records: readonly HistogramRecord[]): Histogram {
  const histogram = new Histogram();
  for (const record of records) histogram.add(record);
  return histogram;
}

/** Each process has at least one session that sends. */
function sharesOf(plan: LoadPlan, processes: number): readonly LoadShare[] {
  const count = Math.max(1, Math.min(processes, plan.active));
  const addresses = plan.address.host.startsWith('/') ? [] : sourceAddresses(plan.idle + plan.active);
  const part = (whole: number, index: number): number =>
    Math.floor((whole * (index + 1)) / count) - Math.floor((whole * index) / count);
  return Array.from({ length: count }, (_, index) => {
    const active = part(plan.active, index);
    const { arrival } = plan;
    const own =
      arrival.kind === 'closed' ? arrival : { ...arrival, perSecond: (arrival.perSecond * active) / plan.active };
    return {
      plan: { ...plan, active, idle: part(plan.idle, index), arrival: own },
      // Not all begin with the same one.
      sourceAddresses: [...addresses.slice(index), ...addresses.slice(0, index)],
    };
  });
}

/** One process of the generator, asked one thing at a time. */
class LoadProcess {
  readonly #child: ChildProcess;
  #waiting: { resolve(report: LoadReport): void; reject(error: Error): void } | undefined;
  readonly #ended: Promise<void>;

  constructor() {
    this.#child = fork(script, {
      execArgv: ['--conditions=@multigres/source'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (report: LoadReport) => this.#told(report));
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#fail(error.message)).once('error', () => resolve());
      this.#child.once('exit', (code, signal) => this.#fail(`it ended with ${signal ?? `exit code ${code}`}`));
      this.#child.once('exit', () => resolve());
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask<K extends LoadReport['kind']>(order: LoadOrder, kind: K): Promise<Extract<LoadReport, { kind: K }>> {
    return new Promise((resolve, reject) => {
      this.#waiting = {
        reject,
        resolve: (report) => {
          if (report.kind === kind) resolve(report as Extract<LoadReport, { kind: K }>);
          else reject(failed(report.kind === 'failed' ? report.message : `it reports ${report.kind}`));
        },
      };
      this.#child.send(order);
    });
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  #told(report: LoadReport): void {
    this.#waiting?.resolve(report);
    this.#waiting = undefined;
  }

  #fail(message: string): void {
    this.#waiting?.reject(failed(message));
    this.#waiting = undefined;
  }
}

const failed = (message: string): BenchError => new BenchError(`the load generator failed: ${message}`);
