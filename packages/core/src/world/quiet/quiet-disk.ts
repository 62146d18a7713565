import type { Disk, FileInfo } from '../disk.ts';
import type { FileTree } from './file-tree.ts';

/** A disk that never fails and never forgets; it answers as soon as promises run, so tests can await it without moving the world. */
export class QuietDisk implements Disk {
  readonly #tree: FileTree;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  async read(path: string): Promise<Uint8Array> {
    return this.#tree.read(path);
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#tree.write(path, bytes);
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    this.#tree.append(path, bytes);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#tree.rename(from, to);
  }

  async remove(path: string, options?: { readonly recursive?: boolean }): Promise<void> {
    this.#tree.remove(path, options?.recursive === true);
  }

  async makeDirectory(path: string): Promise<void> {
    this.#tree.makeDirectory(path);
  }

  async list(path: string): Promise<readonly string[]> {
    return this.#tree.list(path);
  }

  async info(path: string): Promise<FileInfo | undefined> {
    return this.#tree.info(path);
  }

  async sync(path: string): Promise<void> {
    this.#tree.exists(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#tree.directory(path);
  }
}
