import { BoundedQueue } from '@multigres/core';

/** What the machine must know of a backend. */
export interface Seat {
  /** Groups under way. */
  readonly owedGroups: number;
  /** A cancel is on its way to it: it takes nothing new. */
  readonly cancelling: boolean;
  readonly retired: boolean;
}

export interface PoolLimits {
  readonly backendsMax: number;
  /** Shared groups go to at most this many backends at a time: fewer make longer batches, which is what makes sharing fast. */
  readonly sharedBackendsMax: number;
  /** Groups under way on one shared backend. */
  readonly sharedGroupsMax: number;
  readonly waitersMax: number;
}

export type Answer<B> =
  | { readonly kind: 'taken'; readonly backend: B }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'full' };

interface Waiter<W> {
  readonly who: W;
  readonly shareable: boolean;
}

/**
 * Who gets which backend. A backend is idle, shared (its groups are independent of each other) or leased (to one session, until it is given
 * back). First come, first served: nobody overtakes who waits, so a transaction is not starved by a stream of short queries.
 */
export class PoolMachine<B extends Seat, W> {
  readonly #limits: PoolLimits;
  /** Last in, first out: the rest may grow old and be closed. */
  readonly #idle: B[] = [];
  readonly #shared: Set<B> = new Set();
  readonly #leased: Set<B> = new Set();
  readonly #waiting: BoundedQueue<Waiter<W>>;
  #starting = 0;
  /** A shared group was put behind others although one more backend might have taken it. */
  #crowded = false;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
    this.#waiting = new BoundedQueue(limits.waitersMax);
  }

  get waiters(): number {
    return this.#waiting.length;
  }
  get backends(): number {
    return this.#idle.length + this.#shared.size + this.#leased.size;
  }
  get starting(): number {
    return this.#starting;
  }
  get idle(): readonly B[] {
    return this.#idle;
  }
  get leased(): number {
    return this.#leased.size;
  }
  get shared(): number {
    return this.#shared.size;
  }

  /** A backend now, or a place in the line (`next` will tell), or neither. */
  ask(who: W, shareable: boolean): Answer<B> {
    if (this.#waiting.length === 0) {
      const backend = shareable ? this.#takeShared() : this.#takeLease();
      if (backend !== undefined) return { kind: 'taken', backend };
    }
    return this.#waiting.offer({ who, shareable }) === 'queued' ? { kind: 'waiting' } : { kind: 'full' };
  }

  /** The first in line and its backend, if there is one for it. To be called until it answers undefined, after anything changed. */
  next(): { readonly who: W; readonly backend: B; readonly shareable: boolean } | undefined {
    const first = this.#waiting.peek();
    if (first === undefined) return undefined;
    const backend = first.shareable ? this.#takeShared() : this.#takeLease();
    if (backend === undefined) return undefined;
    this.#waiting.take();
    return { who: first.who, backend, shareable: first.shareable };
  }

  /** Takes somebody out of the line. */
  forget(who: W): boolean {
    return this.#waiting.remove((waiter) => waiter.who === who).length > 0;
  }

  /** Takes everybody out of the line. */
  forgetAll(): W[] {
    return this.#waiting.remove(() => true).map((waiter) => waiter.who);
  }

  /** Whether one more backend should be started, for those who wait or to spread shared groups. The caller then calls `starts`. */
  get wantsBackend(): boolean {
    if (this.backends + this.#starting >= this.#limits.backendsMax) return false;
    return this.#waiting.length > this.#starting || (this.#crowded && this.#starting === 0);
  }

  starts(): void {
    this.#starting += 1;
    this.#crowded = false;
  }

  startFailed(): void {
    this.#starting -= 1;
  }

  started(backend: B): void {
    this.#starting -= 1;
    this.#idle.push(backend);
  }

  /** A shared backend has answered everything. */
  sharedGroupsDone(backend: B): void {
    if (this.#shared.delete(backend)) this.#idle.push(backend);
  }

  /** A leased backend is clean and free again. */
  released(backend: B): void {
    if (this.#leased.delete(backend)) this.#idle.push(backend);
  }

  lost(backend: B): void {
    this.#shared.delete(backend);
    this.#leased.delete(backend);
    const at = this.#idle.indexOf(backend);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** The backend that has been idle for longest, taken out. */
  takeOldestIdle(): B | undefined {
    return this.#idle.shift();
  }

  #takeLease(): B | undefined {
    const backend = this.#idle.pop();
    if (backend !== undefined) this.#leased.add(backend);
    return backend;
  }

  #takeShared(): B | undefined {
    if (this.#shared.size < this.#limits.sharedBackendsMax) {
      const backend = this.#idle.pop();
      if (backend !== undefined) {
        this.#shared.add(backend);
        return backend;
      }
    }
    let best: B | undefined;
    for (const backend of this.#shared) {
      if (backend.cancelling || backend.retired || backend.owedGroups >= this.#limits.sharedGroupsMax) continue;
      if (best === undefined || backend.owedGroups < best.owedGroups) best = backend;
    }
    this.#crowded ||= best !== undefined && this.#shared.size < this.#limits.sharedBackendsMax;
    return best;
  }
}

/** For the simulator and the tests, after each step. */
export function poolInvariants<B extends Seat, W>(
  limits: PoolLimits,
): Record<string, (pool: PoolMachine<B, W>) => boolean> {
  return {
    'the backend limit holds': (pool) => pool.backends + pool.starting <= limits.backendsMax,
    'an idle backend owes nothing': (pool) => pool.idle.every((backend) => backend.owedGroups === 0),
    'nobody waits for a lease while a backend is idle': (pool) => pool.waiters === 0 || pool.idle.length === 0,
  };
}
