import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { folderClosed } from '../errors.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Who runs Postgres and PgBouncer when root runs us: both refuse root. Undefined if we are somebody else ourselves. */
export function unprivilegedAccount(): Account | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  return named('postgres') ?? named('nobody') ?? { name: 'nobody', uid: 65_534, gid: 65_534 };
}

function named(name: string): Account | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? '').split(':');
  return uid === undefined || gid === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) };
}

/** Makes a folder of the account's own (or ours). Asked by doing whether it can work there: modes of all parents count. */
export function makeOwnFolder(place: string, owner: Account | undefined): string {
  mkdirSync(place, { recursive: true, mode: 0o755 });
  if (owner === undefined) return place;
  chownSync(place, owner.uid, owner.gid);
  const test = spawnSync('test', ['-w', place], { uid: owner.uid, gid: owner.gid, cwd: '/' });
  if (test.status !== 0) throw folderClosed(place, owner.name);
  return place;
}
