import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { CliError } from '../errors.ts';

/** What a component goes by in a local cluster: its kind, and a number or a cell where there are several (`pooler-2`, `etcd-zone1`). */
export type ComponentName = string;

/** Where a local cluster keeps what. */
export interface Folder {
  readonly root: string;
  /** Ports and choices that stay the same from one start to the next. */
  readonly record: string;
  readonly password: string;
  /** With which members of a shard copy from each other. */
  readonly replicationPassword: string;
  readonly lock: string;
  readonly run: string;
  readonly log: string;
  /** For Unix sockets; elsewhere when the folder's own path is too long for them. Private to this user. */
  readonly sockets: string;
}

/** What the operating system takes (107 bytes) less the longest name that we put behind it. */
const socketFolderBytesMax = 75;

export function fingerprint(root: string): string {
  return createHash('sha256').update(root).digest('hex').slice(0, 8);
}

function socketFolder(root: string): string {
  const own = path.join(root, 'run');
  if (Buffer.byteLength(own) <= socketFolderBytesMax) return own;
  return `/tmp/multigres-${process.geteuid?.() ?? 0}-${fingerprint(root)}`;
}

/** The folder at `place`, which need not exist yet. */
export function clusterFolder(place: string): Folder {
  const root = realPath(path.resolve(place));
  return {
    root,
    record: path.join(root, 'cluster.json'),
    password: path.join(root, 'password'),
    replicationPassword: path.join(root, 'replication-password'),
    lock: path.join(root, 'lock'),
    run: path.join(root, 'run'),
    log: path.join(root, 'log'),
    sockets: socketFolder(root),
  };
}

/** The same folder must have the same name whatever links lead to it. */
function realPath(place: string): string {
  try {
    return realpathSync(place);
  } catch {
    const parent = path.dirname(place);
    return parent === place ? place : path.join(realPath(parent), path.basename(place));
  }
}

/** Makes what is missing. Root's folders may be entered by others, because Postgres runs as another user. */
export function makeFolder(folder: Folder, isRoot: boolean): void {
  try {
    for (const place of [folder.root, folder.run, folder.log]) {
      mkdirSync(place, { recursive: true, mode: isRoot ? 0o755 : 0o700 });
    }
    if (folder.sockets !== folder.run) mkdirSync(folder.sockets, { recursive: true, mode: isRoot ? 0o755 : 0o700 });
  } catch (error) {
    throw new CliError(`cannot use the folder ${folder.root}: ${(error as Error).message}`, {
      hint: 'Give a folder that you may write to: --dir FOLDER.',
      cause: error,
    });
  }
}

export function logFile(folder: Folder, name: ComponentName): string {
  return path.join(folder.log, `${name}.log`);
}

export function socketFile(folder: Folder, name: string): string {
  return path.join(folder.sockets, `${name}.sock`);
}
