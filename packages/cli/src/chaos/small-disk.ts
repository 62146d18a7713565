import { spawnSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';

const roomyBytes = 2 ** 30;
const pageBytes = 4096;

/** A disk in memory for one directory, which can be made full. Only root can have one. */
export class SmallDisk {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Mounts it; answers why not if that is not permitted. */
  static mount(directory: string): SmallDisk | string {
    if (process.geteuid?.() !== 0) return 'only root can mount a small disk';
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    const mounted = run('mount', ['-t', 'tmpfs', '-o', `size=${roomyBytes},mode=755`, 'tmpfs', directory]);
    return mounted === undefined ? new SmallDisk(directory) : `a small disk cannot be mounted: ${mounted}`;
  }

  /** Nothing more can be written: its size is what is used. */
  fill(): void {
    const { blocks, bfree, bsize } = statfsSync(this.#directory);
    this.#resize(Math.max(pageBytes, (blocks - bfree) * bsize));
  }

  /** There is room again. */
  free(): void {
    this.#resize(roomyBytes);
  }

  /** Takes it away, with what is on it; nothing happens where there is none. */
  static unmount(directory: string): void {
    if (process.geteuid?.() === 0) run('umount', [directory]);
  }

  #resize(bytes: number): void {
    run('mount', ['-o', `remount,size=${bytes}`, this.#directory]);
  }
}

/** Answers what it complained about. */
function run(program: string, args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return (error?.message ?? stderr).trim();
}
