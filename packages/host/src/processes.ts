import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import {
  assert,
  LineSplitter,
  ProcessError,
  utf8Text,
  type Child,
  type Clock,
  type Command,
  type Exit,
  type Processes,
  type RunResult,
  type Signal,
} from '@multigres/core';

/**
 * How long the output may stay open after the exit. A daemon that the program left behind (as pg_ctl does) may hold it for ever.
 */
const outputGraceMs = 500;

const codes: Readonly<Record<string, ProcessError['code']>> = {
  ENOENT: 'notFound',
  ENOTDIR: 'notFound',
  EACCES: 'denied',
  EPERM: 'denied',
  EAGAIN: 'limit',
  ENOMEM: 'limit',
  EMFILE: 'limit',
  ENFILE: 'limit',
};

function processError(error: unknown, what: string): ProcessError {
  const errno: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const code = (typeof errno === 'string' ? codes[errno] : undefined) ?? 'other';
  return new ProcessError(code, `${what}: ${error instanceof Error ? error.message : String(error)}`, error);
}

function exitOf(child: ChildProcess): Exit {
  return child.signalCode === null
    ? { kind: 'code', code: child.exitCode ?? 0 }
    : { kind: 'signal', signal: child.signalCode };
}

/** Starts the program; resolves when it runs. Nobody reads its output yet. */
async function start(command: Command): Promise<ChildProcess> {
  const { program, args, env, directory, runAs, detached, outputFile } = command;
  assert(!detached || outputFile !== undefined, 'what outlives us writes to a file');
  let file: FileHandle | undefined;
  try {
    file = outputFile === undefined ? undefined : await open(outputFile, 'a', 0o600);
    const output = file?.fd ?? 'pipe';
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...env },
      stdio: [command.input === undefined ? 'ignore' : 'pipe', output, output],
      detached: detached ?? false,
      ...(directory === undefined ? {} : { cwd: directory }),
      ...runAs,
    });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.on('error', () => undefined);
    // A program need not read its input: that the pipe breaks is no error.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(command.input);
    if (detached) child.unref();
    return child;
  } catch (error) {
    throw processError(error, program);
  } finally {
    await file?.close();
  }
}

/** Resolves when the program has ended and its output is read, or nothing came for a while. */
function ended(child: ChildProcess, clock: Clock): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', () => {
      const grace = clock.after(outputGraceMs, () => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
      child.once('close', () => {
        grace.cancel();
        resolve(exitOf(child));
      });
    });
  });
}

/** Collects the first bytes of a stream and reads on to its end. */
function collect(stream: Readable | null, bytesMax: number): () => string {
  const parts: Buffer[] = [];
  let room = bytesMax;
  stream?.on('data', (bytes: Buffer) => {
    if (room > 0) parts.push(bytes.subarray(0, room));
    room -= bytes.length;
  });
  return () => utf8Text(Buffer.concat(parts));
}

function feed(stream: Readable | null, splitter: LineSplitter): void {
  stream?.setEncoding('utf8');
  stream?.on('data', (text: string) => splitter.push(text));
  stream?.on('close', () => splitter.end());
}

class HostChild implements Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #onLine: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined;

  constructor(child: ChildProcess, clock: Clock) {
    assert(child.pid !== undefined, 'what runs has a process id');
    this.pid = child.pid;
    this.#child = child;
    this.exited = ended(child, clock);
    feed(child.stdout, new LineSplitter((line) => this.#onLine?.(line, 'stdout')));
    feed(child.stderr, new LineSplitter((line) => this.#onLine?.(line, 'stderr')));
  }

  onLine(listener: (line: string, stream: 'stdout' | 'stderr') => void): void {
    this.#onLine = listener;
  }

  signal(signal: Signal): void {
    this.#child.kill(signal);
  }
}

/** A process that has ended but whose parent has not asked for its exit still has a pid. In containers that may stay so (proc(5), stat). */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z';
  } catch {
    return false;
  }
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}

/** The programs of this machine. */
export class HostProcesses implements Processes {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async spawn(command: Command): Promise<Child> {
    return new HostChild(await start(command), this.#clock);
  }

  async run(
    command: Command,
    limits: { readonly timeoutMs: number; readonly outputBytesMax?: number },
  ): Promise<RunResult> {
    const child = await start(command);
    const exited = ended(child, this.#clock);
    const outputBytesMax = limits.outputBytesMax ?? 1 << 20;
    const [stdout, stderr] = [collect(child.stdout, outputBytesMax), collect(child.stderr, outputBytesMax)];
    let timedOut = false;
    const timer = this.#clock.after(limits.timeoutMs, () => {
      timedOut = child.exitCode === null && child.signalCode === null;
      child.kill('SIGKILL');
    });
    const exit = await exited;
    timer.cancel();
    return { exit, stdout: stdout(), stderr: stderr(), timedOut };
  }

  isAlive(pid: number): boolean {
    checkPid(pid);
    try {
      process.kill(pid, 0);
    } catch (error) {
      return errnoOf(error) === 'EPERM';
    }
    return !isZombie(pid);
  }

  signal(pid: number, signal: Signal): void {
    checkPid(pid);
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw processError(error, `signal process ${pid}`);
    }
  }
}

/** Zero and negative numbers mean whole groups of processes to the system, ours among them. */
function checkPid(pid: number): void {
  assert(Number.isInteger(pid) && pid > 0, 'a process id is a positive integer');
}
