import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fingerprint, type Folder } from './folder.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The account that runs Postgres and etcd when root runs us (Postgres refuses root); undefined when we are somebody else. */
export function unprivilegedAccount(): Account | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  return account('postgres') ?? account('nobody') ?? { name: 'nobody', uid: 65_534, gid: 65_534 };
}

function account(name: string): Account | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? '').split(':');
  return uid === undefined || gid === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) };
}

/** Makes a directory that belongs to the account (or to us). */
export function makeOwned(place: string, owner: Account | undefined, mode = 0o700): void {
  mkdirSync(place, { recursive: true, mode });
  if (owner !== undefined) chownSync(place, owner.uid, owner.gid);
}

/** Whether the account can work in a directory: asked by doing it, because modes, groups and ACLs of all its parents count. */
function canUse(place: string, owner: Account): boolean {
  return spawnSync('test', ['-w', place, '-a', '-x', place], { uid: owner.uid, gid: owner.gid, cwd: '/' }).status === 0;
}

/**
 * Where Postgres and etcd can keep their data. In the cluster's folder, unless root made it where the account cannot go (below /root, say):
 * then below /var/lib/multigres. Answers undefined for the folder itself.
 */
export function dataPlace(folder: Folder, owner: Account | undefined): string | undefined {
  if (owner === undefined) return undefined;
  const probe = path.join(folder.root, 'etcd');
  makeOwned(probe, owner);
  if (canUse(probe, owner)) return undefined;
  rmSync(probe, { recursive: true });
  mkdirSync('/var/lib/multigres', { recursive: true, mode: 0o755 });
  // A fresh name: an earlier cluster of this folder, with another password, may have left its data behind.
  const name = `${path.basename(folder.root).replace(/^\.+/, '')}-${fingerprint(folder.root)}-`;
  const elsewhere = mkdtempSync(path.join('/var/lib/multigres', name));
  chmodSync(elsewhere, 0o755);
  writeFileSync(path.join(elsewhere, 'README'), `The data of the Multigres cluster in ${folder.root}\n`);
  return elsewhere;
}
