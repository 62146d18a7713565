import { createHash } from 'node:crypto';
import { readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { CliError } from '../errors.ts';
import type { Folder } from './folder.ts';
import { processIdentity } from './process-identity.ts';

interface Holder {
  readonly pid: number;
  /** Tells this life of the pid from another one. */
  readonly life: string;
  readonly command: string;
}

function lifeOf(pid: number): string | undefined {
  const identity = processIdentity(pid);
  return identity && createHash('sha256').update(identity).digest('hex').slice(0, 12);
}

/** The lock is a symbolic link to nowhere, whose name says who holds it. */
function holderOf(link: string): Holder | undefined {
  try {
    const [pid, life, command] = readlinkSync(link).split('.');
    return { pid: Number(pid), life: life ?? '', command: command ?? '' };
  } catch {
    return undefined;
  }
}

const isAlive = (holder: Holder): boolean => lifeOf(holder.pid) === holder.life;

/**
 * One `up` or `down` per folder at a time. A symbolic link appears at once, whole, and also on a full disk (its target stands in the inode);
 * one whose holder has died is taken away. Answers a function that gives it back.
 */
export function lockCluster(folder: Folder, command: 'up' | 'down'): () => void {
  const target = `${process.pid}.${lifeOf(process.pid) ?? ''}.${command}`;
  for (let attempt = 0; attempt < 5; attempt++) {
    if (linked(target, folder.lock)) return () => release(folder, target);
    const other = holderOf(folder.lock);
    if (other !== undefined && isAlive(other)) throw isHeld(folder, other);
    removeStale(folder);
  }
  throw isHeld(folder, undefined);
}

function linked(target: string, link: string): boolean {
  try {
    symlinkSync(target, link);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moved aside first and looked at again: somebody may have replaced it between our look and our move. */
function removeStale(folder: Folder): void {
  const aside = `${folder.lock}.${process.pid}`;
  try {
    renameSync(folder.lock, aside);
  } catch {
    return; // Somebody else has taken it away.
  }
  const holder = holderOf(aside);
  if (holder !== undefined && isAlive(holder)) linked(readlinkSync(aside), folder.lock);
  rmSync(aside, { force: true });
}

function release(folder: Folder, target: string): void {
  try {
    if (readlinkSync(folder.lock) === target) rmSync(folder.lock, { force: true });
  } catch {
    // The folder is gone, and the lock with it.
  }
}

function isHeld(folder: Folder, holder: Holder | undefined): CliError {
  const who = holder === undefined ? 'another process' : `\`multigres ${holder.command}\` (process ${holder.pid})`;
  return new CliError(`${who} is at work in ${folder.root}`, { hint: 'Wait until it has ended, then try again.' });
}
