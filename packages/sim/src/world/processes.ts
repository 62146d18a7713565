import {
  ProcessError,
  assert,
  utf8,
  type Child,
  type Command,
  type Disk,
  type Exit,
  type Processes,
  type RunResult,
  type Signal,
} from '@multigres/core';
import { eventKind, type Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import { OutputLines } from './output-lines.ts';

/** What a simulated program is given. Its world is made by whoever registered it, from `life`. */
export interface ProgramStart {
  readonly life: Life;
  /** The name of the machine on which it runs. */
  readonly machine: string;
  readonly pid: number;
  readonly command: Command;
  /** As the program sees it: what the command gives, and PATH. */
  readonly env: Readonly<Record<string, string>>;
  readonly write: (text: string, stream: OutputStream) => void;
  /** Registers what happens on a signal that can be caught; without it the signal ends the process. */
  readonly onSignal: (handler: (signal: Signal) => void) => void;
}

export type OutputStream = 'stdout' | 'stderr';

/** A simulated program: runs until its promise resolves with an exit code. */
export type Program = (start: ProgramStart) => Promise<number>;

/** Starts and ends lives on a machine. */
export interface ProcessHome {
  readonly kernel: Kernel;
  readonly machine: string;
  readonly programs: ReadonlyMap<string, Program>;
  readonly newLife: (name: string) => Life;
  readonly disk: (life: Life) => Disk;
  /** The life is over: the system takes back what it held. */
  readonly ended: (life: Life) => void;
}

/** Output that arrived before somebody listened is kept up to here. */
const keptCharsMax = 4 * 1024 * 1024;

interface Running {
  readonly pid: number;
  readonly life: Life;
  readonly command: Command;
  readonly writes: [text: string, stream: OutputStream][];
  readonly raw: ((text: string, stream: OutputStream) => void)[];
  readonly end: (exit: Exit) => void;
  readonly exited: Promise<Exit>;
  handler: ((signal: Signal) => void) | undefined;
}

/** The process table of one machine. */
export class SimProcesses {
  readonly #home: ProcessHome;
  readonly #running = new Map<number, Running>();
  #nextPid = 100;

  constructor(home: ProcessHome) {
    this.#home = home;
  }

  forProcess(life: Life): Processes {
    return {
      spawn: async (command) => childOf(await this.#spawn(life, command), (pid, signal) => this.#signal(pid, signal)),
      run: (command, limits) => this.#run(life, command, limits),
      isAlive: (pid) => this.#running.has(checkedPid(pid)),
      signal: (pid, signal) => this.#signal(checkedPid(pid), signal),
    };
  }

  /** As /proc/PID/cmdline has it: each argument ended by NUL. */
  commandLine(pid: number): string | undefined {
    const command = this.#running.get(pid)?.command;
    return command && [command.program, ...command.args].map((word) => `${word}\0`).join('');
  }

  /** All processes of a program, oldest first. */
  runningOf(program: string): { readonly pid: number; readonly life: Life }[] {
    return [...this.#running.values()].filter(({ command }) => baseName(command.program) === program);
  }

  get lives(): Life[] {
    return [...this.#running.values()].map(({ life }) => life);
  }

  /** As a person at the machine would. */
  send(pid: number, signal: Signal): void {
    this.#signal(pid, signal);
  }

  /** The machine lost power. */
  killAll(): void {
    for (const running of [...this.#running.values()]) this.#finish(running, { kind: 'signal', signal: 'SIGKILL' });
  }

  async #spawn(parent: Life, command: Command): Promise<Running> {
    const { kernel, programs } = this.#home;
    await this.#moment(parent, 1000);
    const name = baseName(command.program);
    const program = programs.get(name);
    if (program === undefined) throw new ProcessError('notFound', `no simulated program is named ${name}`);
    const running = this.#start(parent, name, command);
    if (command.outputFile !== undefined) this.#writeToFile(running, command.outputFile);
    kernel.in(200, eventKind.process, running.life, () => {
      void program({
        life: running.life,
        machine: this.#home.machine,
        pid: running.pid,
        command,
        env: { PATH: '/usr/bin:/bin', ...command.env },
        write: (text, stream) => output(running, text, stream),
        onSignal: (handler) => {
          running.handler = handler;
        },
      }).then((code) => this.#finish(running, { kind: 'code', code }));
    });
    return running;
  }

  #start(parent: Life, name: string, command: Command): Running {
    const { kernel, newLife } = this.#home;
    this.#nextPid += 1;
    const pid = this.#nextPid;
    let end: (exit: Exit) => void = () => {};
    const exited = new Promise<Exit>((resolve) => {
      end = (exit) => {
        kernel.in(1000, eventKind.process, parent, () => resolve(exit));
      };
    });
    const life = newLife(`${parent.name}/${name}-${pid}`);
    const running: Running = { pid, life, command, writes: [], raw: [], end, exited, handler: undefined };
    this.#running.set(pid, running);
    return running;
  }

  #writeToFile(running: Running, path: string): void {
    // The kernel writes for the process: what it wrote before it died gets there.
    const disk = this.#home.disk(this.#home.kernel.god);
    let last = Promise.resolve();
    running.raw.push((text) => {
      last = last.then(() => disk.append(path, utf8(text)).catch(() => undefined));
    });
  }

  async #run(
    parent: Life,
    command: Command,
    limits: { readonly timeoutMs: number; readonly outputBytesMax?: number },
  ): Promise<RunResult> {
    const running = await this.#spawn(parent, command);
    const bytesMax = limits.outputBytesMax ?? 1024 * 1024;
    const kept = { stdout: '', stderr: '' };
    running.raw.push((text, stream) => {
      if (kept[stream].length < bytesMax) kept[stream] = (kept[stream] + text).slice(0, bytesMax);
    });
    let timedOut = false;
    this.#home.kernel.in(limits.timeoutMs * 1000, eventKind.process, parent, () => {
      timedOut = this.#running.has(running.pid);
      this.#signal(running.pid, 'SIGKILL');
    });
    const exit = await running.exited;
    return { exit, ...kept, timedOut };
  }

  #signal(pid: number, signal: Signal): void {
    const running = this.#running.get(pid);
    if (running === undefined) return;
    const { kernel } = this.#home;
    const { life } = running;
    if (signal === 'SIGSTOP') kernel.pause(life, Number.POSITIVE_INFINITY);
    else if (signal === 'SIGCONT') kernel.resume(life);
    else if (signal === 'SIGKILL' || running.handler === undefined) this.#finish(running, { kind: 'signal', signal });
    else kernel.in(50, eventKind.process, life, () => running.handler?.(signal));
  }

  #finish(running: Running, exit: Exit): void {
    if (!this.#running.delete(running.pid)) return;
    this.#home.ended(running.life);
    running.end(exit);
  }

  #moment(life: Life, delayUs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#home.kernel.in(delayUs, eventKind.process, life, resolve);
    });
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The system takes other numbers for groups of processes. */
function checkedPid(pid: number): number {
  assert(Number.isInteger(pid) && pid > 0, 'a process id is a positive integer');
  return pid;
}

function output(running: Running, text: string, stream: OutputStream): void {
  if (running.raw.length === 0 && text.length < keptCharsMax) running.writes.push([text, stream]);
  for (const listener of running.raw) listener(text, stream);
}

function childOf(running: Running, signal: (pid: number, signal: Signal) => void): Child {
  return {
    pid: running.pid,
    exited: running.exited,
    onLine: (listener) => {
      const lines = {
        stdout: new OutputLines((line) => listener(line, 'stdout')),
        stderr: new OutputLines((line) => listener(line, 'stderr')),
      };
      running.raw.push((text, stream) => lines[stream].write(text));
      for (const [text, stream] of running.writes.splice(0)) lines[stream].write(text);
      void running.exited.then(() => {
        lines.stdout.end();
        lines.stderr.end();
      });
    },
    signal: (name) => signal(running.pid, name),
  };
}
