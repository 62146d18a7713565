import type { LockHolder, SleepFor } from '../storage/lock-manager.ts';
import { lockModeName, type LockMode } from '../storage/lock-mode.ts';
import type { Store } from '../storage/store.ts';
import type { Task } from '../wait.ts';
import type { Notice } from './host.ts';

interface AdvisoryHost {
  readonly store: Store;
  readonly holder: LockHolder;
  readonly sleep: SleepFor;
  deadlockTimeoutMs(): number;
  notice(notice: Notice): void;
}

/** Session-level advisory locks: they outlive transactions and rollbacks, and count (PostgreSQL documentation, "Advisory Locks"). */
export class AdvisoryLocks {
  readonly #host: AdvisoryHost;
  readonly #held: Map<string, { readonly key: string; readonly mode: LockMode; count: number }> = new Map();

  constructor(host: AdvisoryHost) {
    this.#host = host;
  }

  *lock(key: string, mode: LockMode): Task<void> {
    const { store, holder, sleep } = this.#host;
    yield* store.locks.acquire(holder, key, mode, sleep, this.#host.deadlockTimeoutMs());
    this.#count(key, mode);
  }

  tryLock(key: string, mode: LockMode): boolean {
    if (!this.#host.store.locks.tryAcquire(this.#host.holder, key, mode)) return false;
    this.#count(key, mode);
    return true;
  }

  unlock(key: string, mode: LockMode): boolean {
    const held = this.#held.get(`${mode} ${key}`);
    if (held === undefined) {
      this.#host.notice({
        level: 'WARNING',
        sqlstate: '01000',
        message: `you don't own a lock of type ${lockModeName[mode]}`,
      });
      return false;
    }
    held.count -= 1;
    if (held.count === 0) this.#held.delete(`${mode} ${key}`);
    this.#host.store.locks.release(this.#host.holder, key, mode);
    return true;
  }

  unlockAll(): void {
    for (const { key, mode, count } of this.#held.values()) {
      for (let i = 0; i < count; i++) this.#host.store.locks.release(this.#host.holder, key, mode);
    }
    this.#held.clear();
  }

  /** For the god's-eye view. */
  keys(): string[] {
    return [...this.#held.keys()].toSorted();
  }

  #count(key: string, mode: LockMode): void {
    const name = `${mode} ${key}`;
    const held = this.#held.get(name);
    if (held === undefined) this.#held.set(name, { key, mode, count: 1 });
    else held.count += 1;
  }
}
