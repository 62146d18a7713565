import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { BenchError, programFailed } from '../errors.ts';
import type { Account } from './account.ts';

export interface ProgramCommand {
  /** For people: "PgBouncer". */
  readonly title: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly runAs?: Account | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** What asks it to end; SIGTERM if absent. */
  readonly stopSignal?: NodeJS.Signals;
}

/** After being asked to end, it has this long. */
const stopMsMax = 10_000;
const quotedLines = 24;

/**
 * A server of ours in a session of its own: an interrupt from the terminal reaches only us, and we end things in the right order.
 */
export class Program {
  readonly pid: number;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #command: ProgramCommand;
  #how: string | undefined;

  private constructor(command: ProgramCommand, child: ChildProcess, pid: number) {
    this.#command = command;
    this.#child = child;
    this.pid = pid;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#how = signal === null ? `exit code ${code}` : `signal ${signal}`;
        resolve(this.#how);
      });
    });
  }

  static async start(command: ProgramCommand): Promise<Program> {
    const log = openSync(command.logFile, 'a');
    try {
      const { uid, gid } = command.runAs ?? {};
      const child = spawn(command.program, command.args, {
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...command.env },
        ...(uid === undefined ? {} : { uid, gid }),
      });
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      return new Program(command, child, child.pid as number);
    } catch (error) {
      throw new BenchError(
        `${command.title} cannot be started: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      closeSync(log);
    }
  }

  /** Polls until the program does its work; throws a BenchError with its last words if it ends before, or takes too long. */
  async until(isReady: () => Promise<boolean>, msMax: number): Promise<void> {
    const deadline = performance.now() + msMax;
    while (!(await isReady())) {
      if (this.#how !== undefined) throw this.#failed(`ended with ${this.#how}`);
      if (performance.now() > deadline) throw this.#failed(`is not ready after ${msMax / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Throws if it has ended by itself. */
  check(): void {
    if (this.#how !== undefined) throw this.#failed(`ended with ${this.#how}`);
  }

  /** Asks it to end, and ends it if it does not. Its children are in its process group. */
  async stop(): Promise<void> {
    if (this.#how !== undefined) return;
    this.#child.kill(this.#command.stopSignal ?? 'SIGTERM');
    const timer = setTimeout(() => this.#killGroup(), stopMsMax);
    await this.ended;
    clearTimeout(timer);
  }

  #killGroup(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // It has ended in the meantime.
    }
  }

  #failed(how: string): BenchError {
    const lines = readFileSync(this.#command.logFile, 'utf8').trimEnd().split('\n');
    return programFailed(this.#command.title, how, lines.slice(-quotedLines));
  }
}
