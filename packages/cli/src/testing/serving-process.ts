import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A command of `multigres` in a process of its own, for tests; what it logs can be waited for. */
export class ServingProcess {
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: () => void = () => {};
  #isOver = false;

  constructor(args: readonly string[]) {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    this.#child = spawn(process.execPath, ['--conditions=@multigres/source', main, ...args, '--log-format', 'json'], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    let rest = '';
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\n');
      rest = lines.pop() as string;
      this.#lines.push(...lines);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#isOver = true;
        this.#wake();
        resolve({ code, signal });
      });
    });
  }

  /** Everything that was logged so far. */
  get log(): string {
    return this.#lines.join('\n');
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves with the next line that contains this, and forgets it and those before. */
  async logged(text: string): Promise<string> {
    for (;;) {
      const at = this.#lines.findIndex((line) => line.includes(text));
      if (at >= 0) return this.#lines.splice(0, at + 1).at(-1) as string;
      if (this.#isOver) throw new Error(`the process ended and never logged "${text}":\n${this.log}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The processes that it started, by their command lines. */
  children(text: string): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
          return Number(parent) === this.#child.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGINT');
    await this.ended;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
