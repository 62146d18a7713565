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

/** A call that changes something: its number from 0, and what it does to which path or program. */
export interface MortalStep {
  readonly index: number;
  readonly deed:
    | 'write'
    | 'append'
    | 'rename'
    | 'remove'
    | 'makeDirectory'
    | 'sync'
    | 'syncDirectory'
    | 'spawn'
    | 'run';
  readonly target: string;
}

/**
 * A view of `world` whose owner is killed just before the first step that is `fatal`, or `during` it, when it was begun but nobody hears how
 * it went. Timers of the dead do not fire.
 */
export function mortalWorld(
  world: World,
  fatal: (step: MortalStep) => boolean,
  when: 'before' | 'during',
): MortalWorld {
  let steps = 0;
  let dead = false;
  const step = <T>(deed: MortalStep['deed'], target: string, run: () => Promise<T>): Promise<T> => {
    if (dead) return never<T>();
    if (fatal({ index: steps, deed, target })) {
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
    write: (path, bytes, mode) => step('write', path, () => disk.write(path, bytes, mode)),
    append: (path, bytes) => step('append', path, () => disk.append(path, bytes)),
    rename: (from, to) => step('rename', from, () => disk.rename(from, to)),
    remove: (path, options) => step('remove', path, () => disk.remove(path, options)),
    makeDirectory: (path, mode) => step('makeDirectory', path, () => disk.makeDirectory(path, mode)),
    sync: (path) => step('sync', path, () => disk.sync(path)),
    syncDirectory: (path) => step('syncDirectory', path, () => disk.syncDirectory(path)),
  };
  const mortalProcesses: Processes = {
    spawn: (command) => step('spawn', command.program, () => processes.spawn(command)),
    run: (command, limits) => step('run', command.program, () => processes.run(command, limits)),
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
