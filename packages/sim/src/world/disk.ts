import { DiskError, concat, type Disk, type DiskErrorCode, type FileInfo } from '@multigres/core';
import { eventKind, type Kernel } from '../kernel/kernel.ts';
import type { Life } from '../kernel/life.ts';
import type { RandomStream } from '../kernel/random-stream.ts';
import { digestBytes } from '../kernel/trace.ts';
import { DirectoryNode, FileNode, type KeptValue } from './inode.ts';

/** What is wrong with a disk now; changed by faults. */
export interface DiskFault {
  /** Multiplies each delay. */
  slowness: number;
  /** Writes are refused with `full`. */
  full: boolean;
  /** Share of syncs that fail (and lose what they should have saved). */
  syncFailShare: number;
}

export interface DiskSurroundings {
  /** What the operating system itself shows as files, under /proc; undefined for all other paths. */
  readonly system?: (path: string) => Uint8Array | undefined;
  /** Told of what processes do to the disk. */
  readonly deed?: (deed: string, path: string, when: 'begins' | 'done') => void;
}

/** The platters of one machine; they outlive its processes. */
export class SimDisk {
  readonly fault: DiskFault = { slowness: 1, full: false, syncFailShare: 0 };
  #root = new DirectoryNode();
  readonly #prepared: Set<string> = new Set();
  readonly #kernel: Kernel;
  readonly #random: RandomStream;

  readonly #surroundings: DiskSurroundings;
  #saved: DirectoryNode | undefined;

  constructor(kernel: Kernel, machine: string, surroundings: DiskSurroundings = {}) {
    this.#kernel = kernel;
    this.#random = kernel.random.fork(`disk/${machine}`);
    this.#surroundings = surroundings;
  }

  /** Keeps a copy of everything as it is now, as a snapshot of the volume would. */
  saveVolume(): void {
    this.#saved = this.#root.copy();
  }

  /** Another volume: the copy that was kept, or an empty one. The processes of the machine must be dead already. */
  loseVolume(restored: boolean): void {
    this.#root = (restored ? this.#saved?.copy() : undefined) ?? new DirectoryNode();
    for (const path of this.#prepared) this.prepare(path);
  }

  /** What was not synced survives or not. The processes of the machine must be dead already. */
  losePower(): void {
    this.#root.losePower(this.#random);
  }

  hasDirectory(path: string): boolean {
    return this.#find(path, 'nothing')?.kind === 'directory';
  }

  /** As whoever set the machine up: the directory is there for good, on another volume too. */
  prepare(path: string): void {
    this.#prepared.add(path);
    this.#makeDirectory(path);
    this.#root.syncAll();
  }

  /** Lets a file stand for a whole value of the simulator, which goes wherever the file goes. The file must be there. */
  keepValue(path: string, value: KeptValue): void {
    this.#file(path).value = value;
  }

  /** The file's content is whatever this answers, until somebody writes it. The file must be there. */
  followFile(path: string, live: () => Uint8Array): void {
    this.#file(path).follow(live);
  }

  /** As a god: the file goes, if it is there; its absence is as durable as any change of a directory. */
  dropFile(path: string): void {
    if (this.hasFile(path)) this.#remove(path, false);
  }

  /** What a file stands for; undefined if there is no such file, or it stands for nothing. */
  valueAt(path: string): KeptValue | undefined {
    const node = this.#find(path, 'nothing');
    return node?.kind === 'file' ? node.value : undefined;
  }

  /** As a god: what would be there after power loss, if all that is uncertain goes wrong; undefined if there would be no such file. */
  durableFile(path: string): Uint8Array | undefined {
    let at: FileNode | DirectoryNode | undefined = this.#root;
    for (const name of parts(path)) at = at?.kind === 'directory' ? at.durableName(name) : undefined;
    return at?.kind === 'file' ? at.durable : undefined;
  }

  /** As a god: whether there is a file now. */
  hasFile(path: string): boolean {
    return this.#find(path, 'nothing')?.kind === 'file';
  }

  forProcess(life: Life): Disk {
    const later = <T>(name: string, path: string, meanUs: number, act: () => T): Promise<T> =>
      this.#later(life, name, path, meanUs, act);
    return {
      read: (path) =>
        later('read', path, 200, () => (this.#surroundings.system?.(path) ?? this.#file(path).content).slice()),
      write: (path, bytes) => {
        const copy = bytes.slice();
        return later('write', path, 300, () => this.#write(path, copy, false));
      },
      append: (path, bytes) => {
        const copy = bytes.slice();
        return later('append', path, 300, () => this.#write(path, copy, true));
      },
      rename: (from, to) => later('rename', from, 200, () => this.#rename(from, to)),
      remove: (path, options) => later('remove', path, 200, () => this.#remove(path, options?.recursive === true)),
      makeDirectory: (path) => later('makeDirectory', path, 200, () => this.#makeDirectory(path)),
      list: (path) => later('list', path, 200, () => [...this.#directory(path).names.keys()].sort(byCodeUnit)),
      info: (path) => later('info', path, 100, () => this.#info(path)),
      sync: (path) => later('sync', path, 3000, () => this.#sync(path)),
      syncDirectory: (path) => later('syncDirectory', path, 3000, () => this.#directory(path).sync()),
    };
  }

  #later<T>(life: Life, name: string, path: string, meanUs: number, act: () => T): Promise<T> {
    const delayUs = 20 + Math.floor(this.#random.skewed(meanUs) * this.fault.slowness);
    const { deed } = this.#surroundings;
    deed?.(name, path, 'begins');
    return new Promise((resolve, reject) => {
      this.#kernel.in(delayUs, eventKind.disk, life, () => {
        this.#kernel.trace.line(this.#kernel.nowUs, life.node, () => `disk ${name} ${path}`);
        try {
          resolve(act());
          deed?.(name, path, 'done');
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #write(path: string, bytes: Uint8Array, atEnd: boolean): void {
    if (this.fault.full) throw refuse('full', path, 'no space left on device');
    this.#kernel.trace.note(digestBytes(bytes));
    const [directory, name] = this.#parent(path);
    let node = directory.names.get(name);
    if (node === undefined) {
      node = new FileNode();
      directory.change({ add: [name, node] });
    }
    if (node.kind === 'directory') throw refuse('isDirectory', path, 'is a directory');
    node.set(atEnd ? concat([node.content.slice(), bytes]) : bytes);
  }

  #rename(from: string, to: string): void {
    const [source, oldName] = this.#parent(from);
    const [target, newName] = this.#parent(to);
    const node = source.names.get(oldName);
    if (node === undefined) throw refuse('notFound', from, 'no such file or directory');
    const replaced = target.names.get(newName);
    if (replaced?.kind === 'directory' && node.kind === 'file') throw refuse('isDirectory', to, 'is a directory');
    if (replaced?.kind === 'directory' && replaced.names.size > 0) throw refuse('notEmpty', to, 'directory not empty');
    if (replaced?.kind === 'file' && node.kind === 'directory') throw refuse('notDirectory', to, 'is no directory');
    if (source === target) {
      source.change({ remove: oldName, add: [newName, node] });
      return;
    }
    target.change({ add: [newName, node] });
    source.change({ remove: oldName });
  }

  #remove(path: string, recursive: boolean): void {
    const node = this.#find(path);
    if (node === undefined) return;
    if (node.kind === 'directory' && !recursive) throw refuse('isDirectory', path, 'is a directory');
    const [directory, name] = this.#parent(path);
    directory.change({ remove: name });
  }

  #makeDirectory(path: string): void {
    let at = this.#root;
    const names = parts(path);
    for (const [i, name] of names.entries()) {
      let next = at.names.get(name);
      if (next === undefined) {
        next = new DirectoryNode();
        at.change({ add: [name, next] });
      }
      if (next.kind === 'file') {
        throw refuse(i === names.length - 1 ? 'exists' : 'notDirectory', path, 'a file is in the way');
      }
      at = next;
    }
  }

  #sync(path: string): void {
    const file = this.#file(path);
    if (this.#random.chance(this.fault.syncFailShare)) {
      file.lost = true;
      throw refuse('io', path, 'input/output error');
    }
    file.sync();
  }

  #info(path: string): FileInfo | undefined {
    const node = this.#find(path, 'nothing');
    if (node === undefined) return undefined;
    return { kind: node.kind, sizeBytes: node.kind === 'file' ? node.content.length : 0 };
  }

  /** What the path leads to; a file where a directory should be is an error or nothing. */
  #find(path: string, throughFile: 'error' | 'nothing' = 'error'): FileNode | DirectoryNode | undefined {
    let at: FileNode | DirectoryNode | undefined = this.#root;
    for (const name of parts(path)) {
      if (at?.kind === 'file') {
        if (throughFile === 'nothing') return undefined;
        throw refuse('notDirectory', path, 'a part of the path is no directory');
      }
      at = at?.names.get(name);
    }
    return at;
  }

  #file(path: string): FileNode {
    const node = this.#find(path);
    if (node === undefined) throw refuse('notFound', path, 'no such file or directory');
    if (node.kind === 'directory') throw refuse('isDirectory', path, 'is a directory');
    return node;
  }

  #directory(path: string): DirectoryNode {
    const node = this.#find(path);
    if (node === undefined) throw refuse('notFound', path, 'no such file or directory');
    if (node.kind === 'file') throw refuse('notDirectory', path, 'is no directory');
    return node;
  }

  #parent(path: string): [directory: DirectoryNode, name: string] {
    const names = parts(path);
    const name = names.pop();
    if (name === undefined) throw refuse('denied', path, 'the root cannot be changed');
    return [this.#directory(`/${names.join('/')}`), name];
  }
}

function parts(path: string): string[] {
  if (!path.startsWith('/')) throw refuse('other', path, 'paths are absolute');
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function refuse(code: DiskErrorCode, path: string, message: string): DiskError {
  return new DiskError(code, path, message);
}
