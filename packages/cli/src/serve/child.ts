import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { wordsOf, type ChildWord, type ParentWord } from './parent.ts';

/** A process of ours beside this one. */
export interface ServeChild {
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly pid: number | undefined;
  tell(word: ParentWord): void;
}

/**
 * Starts another command of `multigres` as a child that ends when this process does (`--with-parent`, see parent.ts). Its logs go to our standard
 * error.
 */
export function startChild(args: readonly string[], heard: (word: ChildWord) => void): ServeChild {
  const main = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, main, ...args, '--with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  // Its ends of the pipes may be gone before ours.
  child.stdin.on('error', () => {});
  child.stdout.on('error', () => {}).on('data', wordsOf(heard));
  return { ended, pid: child.pid, tell: (word) => void child.stdin.write(`${word}\n`) };
}
