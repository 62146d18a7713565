import type { Disk, Processes, World } from '@multigres/core';

/** A process that dies at a given step: from then on none of its calls to the world returns, or does anything. */
export interface MortalWorld {
  readonly world: World;
  /** Calls made so far that change something. */
  readonly steps: number;
  /** True once it has died. */
  readonly dead: boolean;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/**
 * A view of `world` whose owner is killed just before its step number `lastStep + 1`, or `during` it, when it was begun but nobody hears how
 * it went. Timers of the dead do not fire.
 */
export function mortalWorld(world: World, lastStep: number, when: 'before' | 'during'): MortalWorld {
  let steps = 0;
  let dead = false;
  const step = <T>(run: () => Promise<T>): Promise<T> => {
    if (dead) return never<T>();
    if (steps >= lastStep) {
      dead = true;
      if (when === 'during') void run();
      return never<T>();
    }
    steps += 1;
    return run().then((value) => (dead ? never<T>() : value));
  };
  const look = <T>(run: () => Promise<T>): Promise<T> => (dead ? never<T>() : run());
  const { disk, processes, clock } = world;
  const mortalDisk: Disk = {
    read: (path) => look(() => disk.read(path)),
    list: (path) => look(() => disk.list(path)),
    info: (path) => look(() => disk.info(path)),
    write: (path, bytes, mode) => step(() => disk.write(path, bytes, mode)),
    append: (path, bytes) => step(() => disk.append(path, bytes)),
    rename: (from, to) => step(() => disk.rename(from, to)),
    remove: (path, options) => step(() => disk.remove(path, options)),
    makeDirectory: (path, mode) => step(() => disk.makeDirectory(path, mode)),
    sync: (path) => step(() => disk.sync(path)),
    syncDirectory: (path) => step(() => disk.syncDirectory(path)),
  };
  const mortalProcesses: Processes = {
    spawn: (command) => step(() => processes.spawn(command)),
    run: (command, limits) => step(() => processes.run(command, limits)),
    isAlive: (pid) => processes.isAlive(pid),
    signal: (pid, signal) => {
      if (!dead) processes.signal(pid, signal);
    },
  };
  const alive = (run: () => void) => (): void => {
    if (!dead) run();
  };
  return {
    world: {
      ...world,
      disk: mortalDisk,
      processes: mortalProcesses,
      clock: {
        nowMs: () => clock.nowMs(),
        wallMs: () => clock.wallMs(),
        after: (delayMs, run) => clock.after(delayMs, alive(run)),
        soon: (run) => clock.soon(alive(run)),
        sleep: (delayMs) => clock.sleep(delayMs).then(() => (dead ? never<void>() : undefined)),
      },
    },
    get steps() {
      return steps;
    },
    get dead() {
      return dead;
    },
  };
}
