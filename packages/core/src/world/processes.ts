export type Signal =
  | 'SIGTERM'
  | 'SIGINT'
  | 'SIGQUIT'
  | 'SIGKILL'
  | 'SIGHUP'
  | 'SIGSTOP'
  | 'SIGCONT'
  | 'SIGUSR1'
  | 'SIGUSR2';

export interface Command {
  /** Absolute path, or a name found on PATH. */
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment of the child, nothing is inherited; PATH is added if it is not given. */
  readonly env?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** Numeric user and group to run as; needs root. Postgres refuses to run as root. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  /** Written to standard input, which is then closed; without it standard input is empty. */
  readonly input?: string;
  /** Lives on when this process ends; output must then go to a file. */
  readonly detached?: boolean;
  /** Appends standard output and error to this file instead of collecting them. */
  readonly outputFile?: string;
}

export type Exit =
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string };

export interface Child {
  readonly pid: number;
  /** Resolves once, when the process has ended and its output is complete; after the last `onLine` call. */
  readonly exited: Promise<Exit>;
  /**
   * Called for each line of standard output and error, without its end (`\n` or `\r\n`); the last one also if it has none. A line longer than
   * 65,536 UTF-16 units comes in pieces. One listener; nothing is lost if it is given as soon as `spawn` has resolved. Output that nobody
   * listens to is thrown away, so that the program never waits for a reader.
   */
  onLine(listener: (line: string, stream: 'stdout' | 'stderr') => void): void;
  /** Ignored when it has ended. */
  signal(signal: Signal): void;
}

export interface RunResult {
  readonly exit: Exit;
  readonly stdout: string;
  readonly stderr: string;
  /** True if it was killed because `timeoutMs` had passed. */
  readonly timedOut: boolean;
}

export class ProcessError extends Error {
  override readonly name = 'ProcessError';
  readonly code: 'notFound' | 'denied' | 'limit' | 'other';

  constructor(code: 'notFound' | 'denied' | 'limit' | 'other', message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Starting and stopping other programs (Postgres, etcd).
 *
 * Contract (`contract/processes-contract.ts`): `spawn` and `run` reject with ProcessError if the program cannot be started (`notFound`: no such
 * file, also not on PATH); an exit is reported exactly once; a signal to a process that has ended is no error, nor is input that a program does
 * not read.
 */
export interface Processes {
  spawn(command: Command): Promise<Child>;
  /**
   * Runs to the end, collecting the first `outputBytesMax` (default 1 MiB) of each stream and dropping the rest; SIGKILL after `timeoutMs`, and
   * then the exit is that signal.
   */
  run(command: Command, limits: { readonly timeoutMs: number; readonly outputBytesMax?: number }): Promise<RunResult>;
  /** For processes of an earlier life, known by a pid file. Both assert that `pid` is a positive integer. */
  isAlive(pid: number): boolean;
  signal(pid: number, signal: Signal): void;
}
