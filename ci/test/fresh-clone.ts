// What a newcomer does first: a clone, and a command that has to bring its own toolchain.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCommand } from '../run-command.ts';
import { repositoryRoot } from '../source/files.ts';
import { one, type Tally } from '../tally.ts';

const installMsMax = 600_000;

/** Two commands at once in a clone without node_modules: both must wait for one installation and then do their work. */
export async function freshClone(): Promise<Tally> {
  if (!existsSync(path.join(repositoryRoot, '.git'))) return { passed: 0, failed: 0 };
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mg-clone-'));
  try {
    const clone = path.join(folder, 'clone');
    const cloned = await runCommand('git', ['clone', '--quiet', repositoryRoot, clone]);
    if (cloned.code !== 0) throw new Error(cloned.stderr);
    const mg = (...args: string[]): ReturnType<typeof runCommand> =>
      runCommand(path.join(clone, 'mg'), args, { cwd: folder, timeoutMs: installMsMax, env: { PATH: barePath() } });
    const [first, second] = await Promise.all([mg('check', 'manifests'), mg('check', 'manifests')]);
    const dirt = await runCommand('git', ['status', '--porcelain'], { cwd: clone });
    const isFine = first.code === 0 && second.code === 0 && dirt.stdout === '';
    console.log(`${isFine ? 'ok  ' : 'FAIL'} a fresh clone brings its own toolchain`);
    if (!isFine) console.log(first.stdout + first.stderr + second.stdout + second.stderr + dirt.stdout);
    return one(isFine);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** PATH without our own toolchain, which `mg` has put in front of it. */
function barePath(): string {
  const own = path.join(repositoryRoot, 'node_modules/.bin');
  return (process.env['PATH'] ?? '')
    .split(':')
    .filter((folder) => folder !== own)
    .join(':');
}
