// Fences that open with ```sh run do what the page says: each page's are executed in order, in one folder of their own.
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fencesOf, pages, type Fence } from '../docs/pages.ts';
import { runCommand } from '../run-command.ts';
import { repositoryRoot } from '../source/files.ts';
import { one, sum, type Tally } from '../tally.ts';

const fenceMsMax = 600_000;

/** Each fence counts as one. */
export async function readmeCommands(): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const page of pages()) {
    const fences = fencesOf(page).filter(({ words }) => words[0] === 'sh' && words.includes('run'));
    if (fences.length > 0) tallies.push(await runPage(fences));
  }
  return sum(tallies);
}

async function runPage(fences: readonly Fence[]): Promise<Tally> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mg-readme-'));
  // Servers run as another user where this is root; the folder must let it in.
  chmodSync(folder, 0o755);
  symlinkSync(path.join(repositoryRoot, 'mg'), path.join(folder, 'mg'));
  const tallies: Tally[] = [];
  try {
    for (const fence of fences) tallies.push(await runFence(fence, folder));
  } finally {
    // Whatever a page has started or a failure has left running.
    await runCommand('./mg', ['down', '--destroy'], { cwd: folder, timeoutMs: 60_000 });
    rmSync(folder, { recursive: true, force: true });
  }
  return sum(tallies);
}

async function runFence({ file, line, code }: Fence, cwd: string): Promise<Tally> {
  const {
    code: exit,
    stdout,
    stderr,
  } = await runCommand('bash', ['-euo', 'pipefail', '-c', code], { cwd, timeoutMs: fenceMsMax });
  console.log(`${exit === 0 ? 'ok  ' : 'FAIL'} ${file}:${line}: ${code.trim().split('\n')[0]}`);
  if (exit !== 0)
    console.log(`  ended with code ${exit}\n${(stdout + stderr).trim().split('\n').slice(-30).join('\n')}`);
  return one(exit === 0);
}
