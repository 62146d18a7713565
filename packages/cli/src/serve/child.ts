import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process of ours beside this one. */
export interface ServeChild {
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  /** Tells it to read its files again. */
  renew(): void;
  stop(): void;
}

/**
 * Starts another command of `multigres` as a child that ends when this process does: it watches its standard input (`--with-parent`).
 * Its logs go to our standard error.
 */
export function startChild(args: readonly string[]): ServeChild {
  const main = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, main, ...args, '--with-parent'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  // Its end of the pipe may be gone before ours.
  child.stdin.on('error', () => {});
  return { ended, renew: () => child.kill('SIGHUP'), stop: () => child.kill('SIGTERM') };
}
