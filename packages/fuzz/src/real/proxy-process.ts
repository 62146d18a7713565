import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const mg = fileURLToPath(new URL('../../../../mg', import.meta.url));
const lastWordsMax = 4_000;

/** What the proxy's processes take. */
export interface Usage {
  readonly residentMiB: number;
  readonly descriptors: number;
}

/** `./mg proxy`, as users start it. */
export class ProxyProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  #lastWords = '';

  constructor(to: number, port: number, singleProcess: boolean) {
    this.port = port;
    const more = singleProcess ? ['--single-process'] : [];
    const args = ['proxy', '--to', `127.0.0.1:${to}`, '--listen', String(port), '--log-level', 'error', ...more];
    this.#child = spawn(mg, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on(
        'data',
        (bytes: Buffer) => (this.#lastWords = (this.#lastWords + bytes.toString()).slice(-lastWordsMax)),
      );
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get lastWords(): string {
    return this.#lastWords;
  }

  get usage(): Usage {
    let residentMiB = 0;
    let descriptors = 0;
    for (const pid of family(this.#child.pid ?? 0)) {
      residentMiB += residentMiBOf(pid);
      descriptors += descriptorsOf(pid);
    }
    return { residentMiB: Math.round(residentMiB), descriptors };
  }

  async stop(): Promise<void> {
    if (!this.isAlive) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }
}

function family(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)
    .trim()
    .split(' ')
    .filter((child) => child !== '');
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

function residentMiBOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Empty if the process has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
