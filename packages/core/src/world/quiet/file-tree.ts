import { assert } from '../../base/assert.ts';
import { concat } from '../../base/bytes.ts';
import { DiskError, type DiskErrorCode, type FileInfo } from '../disk.ts';

type Entry = { readonly kind: 'directory' } | { readonly kind: 'file'; bytes: Uint8Array };

/** Files and directories in memory, by absolute path, answering as a Unix file system does. */
export class FileTree {
  readonly #entries = new Map<string, Entry>([
    ['/', { kind: 'directory' }],
    ['/tmp', { kind: 'directory' }],
  ]);

  read(path: string): Uint8Array {
    return this.#file(path).bytes.slice();
  }

  write(path: string, bytes: Uint8Array): void {
    const entry = this.#fileToWrite(path);
    entry.bytes = bytes.slice();
  }

  append(path: string, bytes: Uint8Array): void {
    const entry = this.#fileToWrite(path);
    entry.bytes = concat([entry.bytes, bytes.slice()]);
  }

  rename(from: string, to: string): void {
    const [source, target] = [clean(from), clean(to)];
    const entry = this.#entry(source);
    this.#directoryOf(target);
    const replaced = this.#entries.get(target);
    if (replaced?.kind === 'directory') {
      if (entry.kind === 'file') throw refusal('isDirectory', target);
      if (this.#inside(target).length > 0) throw refusal('notEmpty', target);
    } else if (replaced && entry.kind === 'directory') throw refusal('notDirectory', target);
    if (target.startsWith(`${source}/`)) throw refusal('other', target);
    if (source === target) return;
    this.#entries.delete(source);
    this.#entries.set(target, entry);
    for (const path of this.#inside(source)) {
      this.#entries.set(target + path.slice(source.length), this.#entry(path));
      this.#entries.delete(path);
    }
  }

  remove(path: string, recursive: boolean): void {
    const name = clean(path);
    const entry = this.#entries.get(name);
    if (entry?.kind === 'directory' && !recursive) throw refusal('isDirectory', name);
    for (const inner of this.#inside(name)) this.#entries.delete(inner);
    this.#entries.delete(name);
  }

  makeDirectory(path: string): void {
    const name = clean(path);
    const parts = name.split('/').slice(1);
    for (let i = 1; i <= parts.length; i++) {
      const prefix = `/${parts.slice(0, i).join('/')}`;
      const entry = this.#entries.get(prefix);
      if (entry?.kind === 'file') throw refusal(i === parts.length ? 'exists' : 'notDirectory', name);
      if (!entry) this.#entries.set(prefix, { kind: 'directory' });
    }
  }

  list(path: string): readonly string[] {
    const name = this.directory(path);
    const start = name === '/' ? 1 : name.length + 1;
    const inside = this.#inside(name).map((inner) => inner.slice(start));
    return inside.filter((inner) => !inner.includes('/')).toSorted((a, b) => (a < b ? -1 : 1));
  }

  info(path: string): FileInfo | undefined {
    const entry = this.#entries.get(clean(path));
    return entry && { kind: entry.kind, sizeBytes: entry.kind === 'file' ? entry.bytes.length : 0 };
  }

  /** Refuses what is not there. */
  exists(path: string): void {
    this.#entry(clean(path));
  }

  /** The cleaned path of a directory; refuses anything else. */
  directory(path: string): string {
    const name = clean(path);
    if (this.#entry(name).kind === 'file') throw refusal('notDirectory', name);
    return name;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry) return entry;
    for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) {
      if (this.#entries.get(name.slice(0, at))?.kind === 'file') throw refusal('notDirectory', name);
    }
    throw refusal('notFound', name);
  }

  #file(path: string): Entry & { kind: 'file' } {
    const name = clean(path);
    const entry = this.#entry(name);
    if (entry.kind === 'directory') throw refusal('isDirectory', name);
    return entry;
  }

  #fileToWrite(path: string): Entry & { kind: 'file' } {
    const name = clean(path);
    if (this.#entries.has(name)) return this.#file(name);
    this.#directoryOf(name);
    const entry = { kind: 'file', bytes: new Uint8Array(0) } as const satisfies Entry;
    this.#entries.set(name, entry);
    return entry;
  }

  #directoryOf(name: string): void {
    this.directory(name.slice(0, Math.max(1, name.lastIndexOf('/'))));
  }

  #inside(name: string): string[] {
    const prefix = name === '/' ? '/' : `${name}/`;
    return [...this.#entries.keys()].filter((path) => path !== name && path.startsWith(prefix));
  }
}

function clean(path: string): string {
  assert(path.startsWith('/'), 'paths are absolute');
  const parts = path.split('/').filter((part) => part !== '');
  assert(!parts.includes('.') && !parts.includes('..'), 'paths of a quiet disk have no dots');
  return `/${parts.join('/')}`;
}

const texts: Readonly<Partial<Record<DiskErrorCode, string>>> = {
  notFound: 'no such file or directory',
  exists: 'file exists',
  notDirectory: 'not a directory',
  isDirectory: 'is a directory',
  notEmpty: 'directory not empty',
};

function refusal(code: DiskErrorCode, path: string): DiskError {
  return new DiskError(code, path, texts[code] ?? 'invalid argument');
}
