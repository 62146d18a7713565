import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { assert, DiskError, type Disk, type DiskErrorCode, type FileInfo } from '@multigres/core';

const codes: Readonly<Record<string, DiskErrorCode>> = {
  ENOENT: 'notFound',
  EEXIST: 'exists',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOTDIR: 'notDirectory',
  EISDIR: 'isDirectory',
  ERR_FS_EISDIR: 'isDirectory',
  ENOTEMPTY: 'notEmpty',
  EIO: 'io',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Runs one operation on a path and translates what it throws. */
async function on<T>(path: string, run: () => Promise<T>): Promise<T> {
  assert(path.startsWith('/'), 'paths are absolute');
  try {
    return await run();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new DiskError(codes[codeOf(error)] ?? 'other', path, message, error);
  }
}

async function syncOpened(path: string, flags: number): Promise<void> {
  const file = await fs.open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const modeOfFile = 0o600;

/** The file system of this machine. */
export class HostDisk implements Disk {
  read(path: string): Promise<Uint8Array> {
    return on(path, async () => {
      const bytes = await fs.readFile(path);
      // A plain array: the slice of a Buffer is no copy.
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    });
  }

  write(path: string, bytes: Uint8Array, mode: number = modeOfFile): Promise<void> {
    return on(path, () => fs.writeFile(path, bytes, { mode }));
  }

  append(path: string, bytes: Uint8Array): Promise<void> {
    return on(path, () => fs.appendFile(path, bytes, { mode: modeOfFile }));
  }

  rename(from: string, to: string): Promise<void> {
    return on(from, () => fs.rename(from, to));
  }

  remove(path: string, options?: { readonly recursive?: boolean }): Promise<void> {
    return on(path, () => fs.rm(path, { recursive: options?.recursive ?? false, force: true }));
  }

  makeDirectory(path: string, mode: number = 0o700): Promise<void> {
    return on(path, async () => {
      await fs.mkdir(path, { recursive: true, mode });
    });
  }

  list(path: string): Promise<readonly string[]> {
    return on(path, async () => (await fs.readdir(path)).toSorted((a, b) => (a < b ? -1 : 1)));
  }

  info(path: string): Promise<FileInfo | undefined> {
    return on(path, async () => {
      try {
        const found = await fs.stat(path);
        const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
        return { kind, sizeBytes: found.size };
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
        throw error;
      }
    });
  }

  sync(path: string): Promise<void> {
    return on(path, () => syncOpened(path, constants.O_RDONLY));
  }

  syncDirectory(path: string): Promise<void> {
    return on(path, () => syncOpened(path, constants.O_RDONLY | constants.O_DIRECTORY));
  }
}
