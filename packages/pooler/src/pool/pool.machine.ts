import { assert, BoundedQueue } from '@multigres/core';

/** What the machine must know of a backend. */
export interface Seat {
  /** Groups under way. */
  readonly owedGroups: number;
  /** It takes nothing new for now: a cancel is on its way, or it is being given settings. */
  readonly isBusyForOthers: boolean;
  readonly retired: boolean;
  /** What makes its settings; backends with equal settings can stand in for each other at no cost. */
  readonly settings: string;
  /** Its replies wait for a slow reader: whoever came behind would wait, too. */
  readonly stalled: boolean;
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
  readonly settings: string;
  /** Left the line; its place is passed over. */
  gone: boolean;
}

/** A line this short is not worth tidying. */
const goneMin = 16;

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
  /** Who waits, each once: leaving the line must not cost a walk along it, because thousands leave together when Postgres is away. */
  readonly #places: Map<W, Waiter<W>> = new Map();
  #starting = 0;
  /** A shared group was put behind others although one more backend might have taken it. */
  #crowded = false;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
    this.#waiting = new BoundedQueue(2 * limits.waitersMax + goneMin);
  }

  get waiters(): number {
    return this.#places.size;
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
  /** Whether the first in line wants a backend of its own. */
  get waitsForLease(): boolean {
    return this.#first()?.shareable === false;
  }
  /** Every backend, wherever it is. */
  get everyBackend(): B[] {
    return [...this.#idle, ...this.#shared, ...this.#leased];
  }
  get leased(): number {
    return this.#leased.size;
  }
  get shared(): number {
    return this.#shared.size;
  }

  /**
   * A backend now, or a place in the line (`next` will tell), or neither. The backend has these settings if one such was free; else the caller
   * has to give them to it.
   */
  ask(who: W, shareable: boolean, settings: string): Answer<B> {
    assert(!this.#places.has(who), 'nobody waits twice');
    if (this.waiters === 0) {
      const backend = shareable ? this.#takeShared(settings) : this.#takeLease(settings);
      if (backend !== undefined) return { kind: 'taken', backend };
    }
    if (this.waiters >= this.#limits.waitersMax) return { kind: 'full' };
    const waiter = { who, shareable, settings, gone: false };
    const offered = this.#waiting.offer(waiter);
    assert(offered === 'queued', 'the line has room for all who wait and for the places of those who left');
    this.#places.set(who, waiter);
    return { kind: 'waiting' };
  }

  /** The first in line and its backend, if there is one for it. To be called until it answers undefined, after anything changed. */
  next(): { readonly who: W; readonly backend: B; readonly shareable: boolean } | undefined {
    const first = this.#first();
    if (first === undefined) return undefined;
    const backend = first.shareable ? this.#takeShared(first.settings) : this.#takeLease(first.settings);
    if (backend === undefined) return undefined;
    this.#waiting.take();
    this.#places.delete(first.who);
    return { who: first.who, backend, shareable: first.shareable };
  }

  /** Takes somebody out of the line. */
  forget(who: W): boolean {
    const waiter = this.#places.get(who);
    if (waiter === undefined) return false;
    waiter.gone = true;
    this.#places.delete(who);
    if (this.#waiting.length > 2 * this.waiters + goneMin) this.#waiting.remove(({ gone }) => gone);
    return true;
  }

  /** Takes everybody out of the line. */
  forgetAll(): W[] {
    const all = this.#waiting.remove(() => true).filter(({ gone }) => !gone);
    this.#places.clear();
    return all.map(({ who }) => who);
  }

  /** Whether one more backend should be started, for those who wait or to spread shared groups. The caller then calls `starts`. */
  get wantsBackend(): boolean {
    if (this.backends + this.#starting >= this.#limits.backendsMax) return false;
    return this.waiters > this.#starting || (this.#crowded && this.#starting === 0);
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

  /** A shared backend whose head group is read slowly: it is nobody else's until it has answered, and `released` gives it back. */
  isolate(backend: B): void {
    if (this.#shared.delete(backend)) this.#leased.add(backend);
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

  /** The first who still waits; the places of those who left are dropped on the way. */
  #first(): Waiter<W> | undefined {
    let first = this.#waiting.peek();
    while (first?.gone === true) {
      this.#waiting.take();
      first = this.#waiting.peek();
    }
    return first;
  }

  #takeLease(settings: string): B | undefined {
    const backend = this.#takeIdle(settings);
    if (backend !== undefined) this.#leased.add(backend);
    return backend;
  }

  /**
   * The one used last with the same settings, else one as fresh as at login, else any; never one that a cancel meant for its last user
   * may still hit.
   */
  #takeIdle(settings: string): B | undefined {
    let fresh = -1;
    let any = -1;
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const backend = this.#idle[i] as B;
      if (backend.isBusyForOthers) continue;
      if (backend.settings === settings) return this.#idle.splice(i, 1)[0];
      if (any < 0) any = i;
      if (fresh < 0 && backend.settings === '') fresh = i;
    }
    const at = fresh < 0 ? any : fresh;
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0];
  }

  #takeShared(settings: string): B | undefined {
    if (this.#shared.size < this.#limits.sharedBackendsMax) {
      const backend = this.#takeIdle(settings);
      if (backend !== undefined) {
        this.#shared.add(backend);
        return backend;
      }
    }
    let best: B | undefined;
    for (const backend of this.#shared) {
      if (backend.settings !== settings || backend.isBusyForOthers || backend.retired || backend.stalled) continue;
      if (backend.owedGroups >= this.#limits.sharedGroupsMax) continue;
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
    // Asked after `next` has answered undefined.
    'nobody waits for a lease while a backend is idle': (pool) =>
      !pool.waitsForLease || pool.idle.every((backend) => backend.isBusyForOthers),
    'the line is bounded': (pool) => pool.waiters <= limits.waitersMax,
    'shared backends are bounded': (pool) => pool.shared <= limits.sharedBackendsMax,
  };
}
