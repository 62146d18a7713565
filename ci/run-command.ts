import { spawn } from 'node:child_process';
import { repositoryRoot } from './source/files.ts';

export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Default: the root of the repository. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Killed after this time; default 10 minutes. */
  readonly timeoutMs?: number;
  /** Called for each line of standard output. */
  readonly onLine?: (line: string) => void;
  /** Shows both streams to the user instead of collecting them. */
  readonly shown?: boolean;
}

/** Runs a program to its end, without input. A program that cannot be started ends with code 127. */
export function runCommand(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { cwd = repositoryRoot, env = {}, timeoutMs = 600_000, onLine, shown = false } = options;
  return new Promise((resolve) => {
    const stdio = shown ? 'inherit' : 'pipe';
    // A group of its own, so that what it has started ends with it.
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', stdio, stdio],
      detached: !shown,
    });
    let [stdout, stderr, rest] = ['', '', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (onLine !== undefined) for (const line of lines) onLine(line);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const timer = setTimeout(() => {
      stderr += `\nkilled after ${timeoutMs / 1000} s`;
      killGroup(child.pid, shown);
    }, timeoutMs);
    child.on('error', (error) => (clearTimeout(timer), resolve({ code: 127, stdout, stderr: error.message })));
    child.on('close', (code) => (clearTimeout(timer), resolve({ code, stdout, stderr })));
  });
}

function killGroup(pid: number | undefined, shown: boolean): void {
  if (pid === undefined) return;
  try {
    process.kill(shown ? pid : -pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
