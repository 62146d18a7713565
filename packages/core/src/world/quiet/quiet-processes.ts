import { assert } from '../../base/assert.ts';
import { utf8, utf8Text } from '../../base/bytes.ts';
import { LineSplitter } from '../../base/line-splitter.ts';
import {
  ProcessError,
  type Child,
  type Command,
  type Exit,
  type Processes,
  type RunResult,
  type Signal,
} from '../processes.ts';
import type { FileTree } from './file-tree.ts';
import type { Kernel } from './kernel.ts';

/** What a fake program sees of its process. */
export interface QuietProcess {
  readonly command: Command;
  readonly pid: number;
  /** With PATH. */
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  stdout(text: string): void;
  stderr(text: string): void;
  exit(code: number): void;
  /** Without it every signal ends the process; SIGKILL always does, SIGSTOP and SIGCONT never do. */
  onSignal(handler: (signal: Signal) => void): void;
}

/** A fake program: called once per start, in a turn of its own; it may keep the process and go on later. */
export type QuietProgram = (process: QuietProcess) => void;

const defaultPath = '/usr/bin:/bin';
type StreamName = 'stdout' | 'stderr';

class QuietChild implements Child, QuietProcess {
  readonly pid: number;
  readonly command: Command;
  readonly exited: Promise<Exit>;
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  readonly output: Record<StreamName, string> = { stdout: '', stderr: '' };
  readonly #files: FileTree;
  readonly #ended: (exit: Exit) => void;
  readonly #splitters: Readonly<Record<StreamName, LineSplitter>>;
  #onLine: ((line: string, stream: StreamName) => void) | undefined;
  #onSignal: ((signal: Signal) => void) | undefined;
  isAlive = true;

  constructor(pid: number, command: Command, files: FileTree) {
    this.pid = pid;
    this.command = command;
    this.env = { PATH: defaultPath, ...command.env };
    this.input = command.input ?? '';
    this.#files = files;
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.exited = promise;
    this.#ended = resolve;
    this.#splitters = { stdout: this.#splitter('stdout'), stderr: this.#splitter('stderr') };
  }

  onLine(listener: (line: string, stream: StreamName) => void): void {
    this.#onLine = listener;
  }

  onSignal(handler: (signal: Signal) => void): void {
    this.#onSignal = handler;
  }

  stdout(text: string): void {
    this.#print('stdout', text);
  }

  stderr(text: string): void {
    this.#print('stderr', text);
  }

  exit(code: number): void {
    this.#end({ kind: 'code', code });
  }

  signal(signal: Signal): void {
    if (!this.isAlive || signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    if (signal !== 'SIGKILL' && this.#onSignal) this.#onSignal(signal);
    else this.#end({ kind: 'signal', signal });
  }

  #print(stream: StreamName, text: string): void {
    if (!this.isAlive) return;
    if (this.command.outputFile !== undefined) this.#files.append(this.command.outputFile, utf8(text));
    else {
      this.output[stream] += text;
      this.#splitters[stream].push(text);
    }
  }

  #end(exit: Exit): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#splitters.stdout.end();
    this.#splitters.stderr.end();
    this.#ended(exit);
  }

  #splitter(stream: StreamName): LineSplitter {
    return new LineSplitter((line) => this.#onLine?.(line, stream));
  }
}

function checkPid(pid: number): void {
  assert(Number.isInteger(pid) && pid > 0, 'a process id is a positive integer');
}

/** Processes whose programs are functions of the test. */
export class QuietProcesses implements Processes {
  readonly #kernel: Kernel;
  readonly #files: FileTree;
  readonly #programs = new Map<string, QuietProgram>();
  readonly #children = new Map<number, QuietChild>();
  #nextPid = 100;

  constructor(kernel: Kernel, files: FileTree) {
    this.#kernel = kernel;
    this.#files = files;
  }

  /** From now on `program` (as commands name it) behaves so. */
  register(program: string, behaviour: QuietProgram): void {
    this.#programs.set(program, behaviour);
  }

  async spawn(command: Command): Promise<Child> {
    return this.#start(command);
  }

  async run(
    command: Command,
    limits: { readonly timeoutMs: number; readonly outputBytesMax?: number },
  ): Promise<RunResult> {
    const child = this.#start(command);
    let timedOut = false;
    const timer = this.#kernel.timers.add(this.#kernel.nowMs, limits.timeoutMs, () => {
      timedOut = child.isAlive;
      child.signal('SIGKILL');
    });
    const exit = await child.exited;
    timer.cancel();
    const kept = (text: string): string => utf8Text(utf8(text).subarray(0, limits.outputBytesMax ?? 1 << 20));
    return { exit, stdout: kept(child.output.stdout), stderr: kept(child.output.stderr), timedOut };
  }

  isAlive(pid: number): boolean {
    checkPid(pid);
    return this.#children.get(pid)?.isAlive === true;
  }

  signal(pid: number, signal: Signal): void {
    checkPid(pid);
    this.#children.get(pid)?.signal(signal);
  }

  #start(command: Command): QuietChild {
    const program = this.#programs.get(command.program);
    if (!program) throw new ProcessError('notFound', `${command.program}: no such program`);
    const child = new QuietChild(this.#nextPid++, command, this.#files);
    this.#children.set(child.pid, child);
    this.#kernel.post(() => program(child));
    return child;
  }
}
