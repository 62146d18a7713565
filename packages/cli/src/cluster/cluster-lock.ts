import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CliError } from '../errors.ts';
import type { Folder } from './folder.ts';
import { processIdentity } from './process-identity.ts';

interface Holder {
  readonly pid: number;
  readonly identity: string;
  readonly command: string;
}

function holderIn(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

const isAlive = (holder: Holder | undefined): boolean =>
  holder !== undefined && processIdentity(holder.pid) === holder.identity;

/**
 * One `up` or `down` per folder at a time. The lock appears whole and at once (a hard link), names its holder, and one whose holder has
 * died is taken away. Answers a function that gives it back.
 */
export function lockCluster(folder: Folder, command: string): () => void {
  const mine = `${folder.lock}.${process.pid}`;
  const holder: Holder = { pid: process.pid, identity: processIdentity(process.pid) ?? '', command };
  writeFileSync(mine, JSON.stringify(holder), { mode: 0o644 });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (linked(mine, folder.lock)) return () => release(folder, holder);
      const other = holderIn(folder.lock);
      if (isAlive(other)) throw isHeld(folder, other);
      removeStale(folder, mine);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw isHeld(folder, undefined);
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moved aside first and looked at again: somebody may have replaced it between our look and our move. */
function removeStale(folder: Folder, mine: string): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(folder.lock, aside);
  } catch {
    return; // Somebody else has taken it away.
  }
  if (isAlive(holderIn(aside))) linked(aside, folder.lock);
  rmSync(aside, { force: true });
}

function release(folder: Folder, mine: Holder): void {
  const now = holderIn(folder.lock);
  if (now?.pid === mine.pid && now.identity === mine.identity) rmSync(folder.lock, { force: true });
}

function isHeld(folder: Folder, holder: Holder | undefined): CliError {
  const who = holder === undefined ? 'another process' : `\`${holder.command}\` (process ${holder.pid})`;
  return new CliError(`${who} is at work in ${folder.root}`, { hint: 'Wait until it has ended, then try again.' });
}
