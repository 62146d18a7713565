export type DiskErrorCode =
  | 'notFound'
  | 'exists'
  | 'full'
  | 'denied'
  | 'notDirectory'
  | 'isDirectory'
  | 'notEmpty'
  | 'io'
  | 'other';

/** What a disk implementation reports; `host` and `sim` translate their own errors into it. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: DiskErrorCode;
  readonly path: string;

  constructor(code: DiskErrorCode, path: string, message: string, cause?: unknown) {
    super(`${path}: ${message}`, { cause });
    this.code = code;
    this.path = path;
  }
}

export interface FileInfo {
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
}

/**
 * Files of the control plane: small, whole, named by absolute paths. (Postgres's own files are touched by Postgres only.)
 *
 * Contract (`contract/disk-contract.ts`): paths are absolute (asserted). Arrays are copied. Calls that are not awaited may happen in any order. What
 * is missing is `notFound`, a file used as a directory `notDirectory`, a directory used as a file `isDirectory`. A write is visible to later reads of this process at once, and durable only after `sync` of the file
 * **and**, for a name that was created, renamed or removed, `syncDirectory` of its directory. After power loss unsynced writes survive
 * or not, independently. Every call may reject with a DiskError; a failed `sync` means that the data must be written again.
 */
export interface Disk {
  read(path: string): Promise<Uint8Array>;
  /** Creates or truncates. `mode` is the Unix permission bits of a new file; default 0o600. */
  write(path: string, bytes: Uint8Array, mode?: number): Promise<void>;
  /** Creates, or adds to the end. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Atomic; replaces an existing file, or an empty directory by a directory (`notEmpty` if it is not). */
  rename(from: string, to: string): Promise<void>;
  /** A file, or with `recursive` a whole tree (a directory without it: `isDirectory`). Removing what is not there is no error. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<void>;
  /** With parents; an existing directory is no error, a file of that name is `exists`. Default mode 0o700. */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /** Names inside, sorted by code unit. */
  list(path: string): Promise<readonly string[]>;
  /** undefined if there is nothing. The size of what is no file means nothing. */
  info(path: string): Promise<FileInfo | undefined>;
  sync(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
}

/** Replaces a small file so that after a crash at any moment the old or the new content is there, whole; durable when it resolves. */
export async function writeDurably(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const directory = path.slice(0, Math.max(1, path.lastIndexOf('/')));
  const temporary = `${path}.tmp`;
  await disk.write(temporary, bytes);
  await disk.sync(temporary);
  await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
}
