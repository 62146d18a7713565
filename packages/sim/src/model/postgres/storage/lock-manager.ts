import { deadlockDetected } from '../errors.ts';
import type { Task, Wait } from '../wait.ts';
import { lockModeName, modesConflict, type LockMode } from './lock-mode.ts';

/** Who holds locks: a backend. */
export interface LockHolder {
  readonly pid: number;
}

interface Request {
  readonly holder: LockHolder;
  readonly mode: LockMode;
  readonly lock: Lock;
  wake: (() => void) | undefined;
  granted: boolean;
}

interface Lock {
  readonly key: string;
  /** Counts per mode, because a lock is released as often as it was taken. */
  readonly granted: Map<LockHolder, Map<LockMode, number>>;
  readonly queue: Request[];
}

export interface HeldLock {
  readonly pid: number;
  readonly key: string;
  readonly mode: string;
  readonly granted: boolean;
}

/**
 * Heavyweight locks: relations, transaction ends, advisory locks. First come, first served: a request waits behind earlier waiters that
 * it conflicts with (PostgreSQL documentation, "Explicit Locking", "Deadlocks").
 */
export class LockManager {
  readonly #locks: Map<string, Lock> = new Map();
  readonly #held: Map<LockHolder, Set<Lock>> = new Map();
  readonly #waiting: Map<LockHolder, Request> = new Map();

  /** Takes the lock if that needs no waiting. */
  tryAcquire(holder: LockHolder, key: string, mode: LockMode): boolean {
    const lock = this.#lock(key);
    if (!this.#mayHave(lock, holder, mode, lock.queue)) {
      this.#forgetIfUnused(lock);
      return false;
    }
    this.#grant(lock, holder, mode);
    return true;
  }

  /** Waits for the lock as long as it takes; whoever interrupts throws into the task. `deadlockMs` is when to look for a deadlock. */
  *acquire(holder: LockHolder, key: string, mode: LockMode, sleep: SleepFor, deadlockMs: number): Task<void> {
    if (this.tryAcquire(holder, key, mode)) return;
    const lock = this.#lock(key);
    const request: Request = { holder, mode, lock, wake: undefined, granted: false };
    lock.queue.push(request);
    this.#waiting.set(holder, request);
    try {
      const deadline = sleep(deadlockMs);
      yield first(deadline, this.#waitFor(request));
      if (request.granted) return;
      if (this.#isDeadlocked(request)) throw deadlockDetected(this.#describe(request));
      while (!request.granted) yield this.#waitFor(request);
    } finally {
      this.#waiting.delete(holder);
      if (!request.granted) this.#withdraw(request);
    }
  }

  holds(holder: LockHolder, key: string, mode: LockMode): boolean {
    return (this.#locks.get(key)?.granted.get(holder)?.get(mode) ?? 0) > 0;
  }

  /** Gives back one of possibly several holds; false if there is none. */
  release(holder: LockHolder, key: string, mode: LockMode): boolean {
    const lock = this.#locks.get(key);
    const modes = lock?.granted.get(holder);
    const count = modes?.get(mode) ?? 0;
    if (lock === undefined || modes === undefined || count === 0) return false;
    if (count > 1) modes.set(mode, count - 1);
    else modes.delete(mode);
    if (modes.size === 0) {
      lock.granted.delete(holder);
      this.#held.get(holder)?.delete(lock);
    }
    this.#wakeQueue(lock);
    return true;
  }

  /** One holder takes another's place; nobody gets in between. */
  transfer(from: LockHolder, to: LockHolder, key: string, mode: LockMode): void {
    this.#grant(this.#lock(key), to, mode);
    this.release(from, key, mode);
  }

  releaseAll(holder: LockHolder): void {
    const locks = this.#held.get(holder);
    if (locks === undefined) return;
    this.#held.delete(holder);
    for (const lock of locks) {
      lock.granted.delete(holder);
      this.#wakeQueue(lock);
    }
  }

  /** For the god's-eye view. */
  *all(): Generator<HeldLock> {
    for (const lock of this.#locks.values()) {
      for (const [holder, modes] of lock.granted) {
        for (const mode of modes.keys())
          yield { pid: holder.pid, key: lock.key, mode: lockModeName[mode], granted: true };
      }
      for (const request of lock.queue) {
        yield { pid: request.holder.pid, key: lock.key, mode: lockModeName[request.mode], granted: false };
      }
    }
  }

  *heldBy(holder: LockHolder): Generator<string> {
    for (const lock of this.#held.get(holder) ?? []) yield lock.key;
  }

  #lock(key: string): Lock {
    let lock = this.#locks.get(key);
    if (lock === undefined) {
      lock = { key, granted: new Map(), queue: [] };
      this.#locks.set(key, lock);
    }
    return lock;
  }

  #mayHave(lock: Lock, holder: LockHolder, mode: LockMode, ahead: readonly Request[]): boolean {
    for (const [other, modes] of lock.granted) {
      if (other === holder) continue;
      for (const held of modes.keys()) if (modesConflict(mode, held)) return false;
    }
    // Who holds the lock already does not queue behind waiters: they wait for it.
    if (lock.granted.has(holder)) return true;
    return !ahead.some((request) => request.holder !== holder && modesConflict(mode, request.mode));
  }

  #grant(lock: Lock, holder: LockHolder, mode: LockMode): void {
    let modes = lock.granted.get(holder);
    if (modes === undefined) {
      modes = new Map();
      lock.granted.set(holder, modes);
    }
    modes.set(mode, (modes.get(mode) ?? 0) + 1);
    let held = this.#held.get(holder);
    if (held === undefined) {
      held = new Set();
      this.#held.set(holder, held);
    }
    held.add(lock);
  }

  #wakeQueue(lock: Lock): void {
    for (let i = 0; i < lock.queue.length;) {
      const request = lock.queue[i] as Request;
      if (!this.#mayHave(lock, request.holder, request.mode, lock.queue.slice(0, i))) {
        i += 1;
        continue;
      }
      lock.queue.splice(i, 1);
      this.#grant(lock, request.holder, request.mode);
      request.granted = true;
      request.wake?.();
    }
    this.#forgetIfUnused(lock);
  }

  #forgetIfUnused(lock: Lock): void {
    if (lock.granted.size === 0 && lock.queue.length === 0) this.#locks.delete(lock.key);
  }

  #withdraw(request: Request): void {
    const at = request.lock.queue.indexOf(request);
    if (at >= 0) request.lock.queue.splice(at, 1);
    this.#wakeQueue(request.lock);
  }

  #waitFor(request: Request): Wait {
    return {
      event: `Lock:${request.lock.key}`,
      start: (wake) => {
        request.wake = wake;
        if (request.granted) wake();
      },
      cancel: () => {
        request.wake = undefined;
      },
    };
  }

  /** Whom this request waits for: conflicting holders, and conflicting waiters ahead of it. */
  *#blockers(request: Request): Generator<LockHolder> {
    const { lock, holder, mode } = request;
    for (const [other, modes] of lock.granted) {
      if (other !== holder && [...modes.keys()].some((held) => modesConflict(mode, held))) yield other;
    }
    for (const ahead of lock.queue) {
      if (ahead === request) return;
      if (ahead.holder !== holder && modesConflict(mode, ahead.mode)) yield ahead.holder;
    }
  }

  #cycleFrom(start: Request): Request[] | undefined {
    const path: Request[] = [];
    const visited = new Set<LockHolder>();
    const visit = (request: Request): boolean => {
      path.push(request);
      for (const blocker of this.#blockers(request)) {
        if (blocker === start.holder) return true;
        if (visited.has(blocker)) continue;
        visited.add(blocker);
        const next = this.#waiting.get(blocker);
        if (next !== undefined && !next.granted && visit(next)) return true;
      }
      path.pop();
      return false;
    };
    return visit(start) ? path : undefined;
  }

  #isDeadlocked(request: Request): boolean {
    return this.#cycleFrom(request) !== undefined;
  }

  #describe(request: Request): string {
    const cycle = this.#cycleFrom(request) ?? [];
    return cycle
      .map((step, i) => {
        const blocker = (cycle[(i + 1) % cycle.length] as Request).holder.pid;
        return `Process ${step.holder.pid} waits for ${lockModeName[step.mode]} on ${step.lock.key}; blocked by process ${blocker}.`;
      })
      .join('\n');
  }
}

/** Makes a wait that ends by itself after so many milliseconds of the world's clock. */
export type SleepFor = (delayMs: number) => Wait;

/** Ends with the first of two waits; the other is cancelled. */
export function first(a: Wait, b: Wait): Wait {
  return {
    event: b.event,
    start: (wake) => {
      let ended = false;
      const end = (loser: Wait) => (): void => {
        if (ended) return;
        ended = true;
        loser.cancel();
        wake();
      };
      a.start(end(b));
      if (!ended) b.start(end(a));
    },
    cancel: () => {
      a.cancel();
      b.cancel();
    },
  };
}
