import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromWorker, SeedResult, Setup } from './messages.ts';

/** A seed that takes longer than this in real time hangs: some loop never ends. */
const seedMsMax = 120_000;

export type Answer =
  | { readonly kind: 'result'; readonly result: SeedResult }
  /** The process cannot go on: it could not load, crashed, or hangs. */
  | { readonly kind: 'broken'; readonly message: string };

/** One worker process, asked one seed at a time. */
export class WorkerProcess {
  readonly #setup: Setup;
  #child: ChildProcess | undefined;
  #answer: ((answer: Answer) => void) | undefined;
  #errors = '';

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  /** Never rejects. After `broken` the next seed gets a new process. */
  async run(seed: number): Promise<Answer> {
    if (this.#child === undefined) {
      const failed = await this.#start();
      if (failed) return failed;
    }
    return this.#ask({ kind: 'run', seed });
  }

  stop(): void {
    this.#child?.removeAllListeners();
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #start(): Promise<Answer | undefined> {
    const entry = fileURLToPath(
      new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
    );
    const conditions = process.execArgv.filter((arg) => arg.startsWith('--conditions'));
    const child = fork(entry, [], { execArgv: conditions, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    this.#errors = '';
    child.stderr?.on('data', (bytes: Uint8Array) => {
      this.#errors = (this.#errors + String(bytes)).slice(-4000);
    });
    child.on('message', (message) => this.#heard(message as FromWorker));
    child.on('exit', (code, signal) => this.#gone(`the worker ended with ${signal ?? code}\n${this.#errors}`));
    child.on('error', (error) => this.#gone(error.message));
    const answer = await this.#ask(this.#setup);
    return answer.kind === 'broken' ? answer : undefined;
  }

  #ask(message: object): Promise<Answer> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.stop();
        this.#reply({ kind: 'broken', message: `no end after ${seedMsMax / 1000} seconds of real time: it hangs` });
      }, seedMsMax);
      this.#answer = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.#child?.send(message);
    });
  }

  #heard(message: FromWorker): void {
    if (message.kind === 'ready') this.#reply({ kind: 'result', result: {} as SeedResult });
    else this.#reply(message);
  }

  #gone(message: string): void {
    this.#child = undefined;
    this.#reply({ kind: 'broken', message });
  }

  #reply(answer: Answer): void {
    const resolve = this.#answer;
    this.#answer = undefined;
    resolve?.(answer);
  }
}
