import { hex, utf8, writeDurably, type World } from '@multigres/core';
import { directoryLocked } from './errors.ts';
import { readText } from './files.ts';
import type { Layout } from './layout.ts';
import { commandLineOf } from './running-process.ts';

/**
 * One pgctld per directory. The file names the holder; who finds a living one gives way. Two who come at the same moment may both write,
 * but only one of them is in the file afterwards, and `verify`, which precedes every deed, turns the other away. (Postgres's own lock
 * file is what keeps a second server out; this one keeps two pairs of hands apart.)
 */
export interface DirectoryLock {
  /** Rejects with 55000 if somebody else holds the directory now. */
  verify(): Promise<void>;
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly nonce: string;
}

async function holderOf(world: World, layout: Layout): Promise<Holder | undefined> {
  const match = /^(\d+) ([0-9a-f]+)\n$/.exec((await readText(world, layout.lock)) ?? '');
  return match ? { pid: Number(match[1]), nonce: match[2] as string } : undefined;
}

/** A pid may have been given to another program since; only what looks like a pgctld counts. */
async function isAlivePgctld(world: World, pid: number): Promise<boolean> {
  if (!world.processes.isAlive(pid)) return false;
  const commandLine = await commandLineOf(world, pid);
  return commandLine === undefined || commandLine.includes('pgctld');
}

export async function lockDirectory(world: World, layout: Layout, pid: number): Promise<DirectoryLock> {
  const before = await holderOf(world, layout);
  if (before !== undefined && before.pid !== pid && (await isAlivePgctld(world, before.pid))) {
    throw directoryLocked(layout.root, before.pid);
  }
  const nonce = hex(world.random.bytes(8));
  await writeDurably(world.disk, layout.lock, utf8(`${pid} ${nonce}\n`));
  const isOurs = async (): Promise<boolean> => (await holderOf(world, layout))?.nonce === nonce;
  return {
    async verify() {
      const holder = await holderOf(world, layout);
      if (holder?.nonce !== nonce) throw directoryLocked(layout.root, holder?.pid ?? 0);
    },
    async release() {
      if (await isOurs()) await world.disk.remove(layout.lock);
    },
  };
}
