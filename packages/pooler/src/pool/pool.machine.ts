import { assert } from '@multigres/core';
import { WaitLine, type Waiter, type Want, type Wish } from './wait-line.ts';

/** What the machine must know of a backend. */
export interface Seat {
  /** Groups under way. */
  readonly owedGroups: number;
  /** It takes nothing new for now: a cancel is on its way, or it is being given settings. */
  readonly isBusyForOthers: boolean;
  /** It takes nothing new any more, and goes when it has nothing to do. */
  readonly retired: boolean;
  /** What makes its settings; backends with equal settings can stand in for each other at no cost. */
  readonly settings: string;
  /** May differ at little cost; undefined: none was given. */
  readonly applicationName: string | undefined;
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

export interface Assignment<B, W> {
  readonly who: W;
  readonly backend: B;
  readonly want: Want;
  /** Since when it waited. */
  readonly sinceMs: number;
}

/** How many backends statements that run alone may have: some are always left for transactions and for short reads. */
export function aloneBackendsMax(backendsMax: number): number {
  return Math.max(1, backendsMax - Math.max(1, Math.ceil(backendsMax / 4)));
}

/**
 * Who gets which backend. A backend is idle, shared (its groups are independent of each other), alone (one group, nobody behind it) or leased
 * (to one session, until it is given back).
 *
 * Each want has a line of its own, first come, first served, and an idle backend goes to whoever came first of those who may have one. Three rules
 * keep the lines from starving each other:
 * - statements that run alone have a bounded part of the pool (`aloneBackendsMax`), so that slow reads cannot hold all of it;
 * - while somebody waits for a backend, as many shared ones as are wanted get nothing new, but for the last one;
 * - short reads that pass by on that last one are counted: after `overtakesMax` of them it gets nothing new either.
 */
export class PoolMachine<B extends Seat, W> {
  #limits: PoolLimits;
  /** Last in, first out: the rest may grow old and be closed. */
  readonly #idle: B[] = [];
  readonly #shared: Set<B> = new Set();
  readonly #alone: Set<B> = new Set();
  readonly #leased: Set<B> = new Set();
  readonly #lines: Readonly<Record<Want, WaitLine<W>>>;
  /** Who waits, each once. */
  readonly #places: Map<W, Waiter<W>> = new Map();
  #lastTicket = 0;
  #starting = 0;
  /** A shared group was put behind others although one more backend might have taken it. */
  #crowded = false;
  /** Shared groups that went to a backend while somebody waited for one. */
  #overtakes = 0;
  #paused = false;
  /** Backends that have to be given up, as soon as they have nothing to do, because others have a right to their places. */
  #askedBack = 0;
  /** May be changed at any time, within the limits: see shared-backends.ts. */
  sharedBackendsMax: number;
  /** Keeps so many backends also while nobody wants them. */
  keeps = 0;
  /** May be changed at any time: less than there are takes nothing away. */
  backendsMax: number;

  constructor(limits: PoolLimits) {
    this.#limits = limits;
    this.sharedBackendsMax = limits.sharedBackendsMax;
    this.backendsMax = limits.backendsMax;
    const { waitersMax } = limits;
    this.#lines = { share: new WaitLine(waitersMax), alone: new WaitLine(waitersMax), lease: new WaitLine(waitersMax) };
  }

  /** Other limits from now on; what is beyond them already stays until it is given back. The length of the lines is not changed. */
  adjust(limits: PoolLimits): void {
    this.#limits = { ...limits, waitersMax: this.#limits.waitersMax };
    this.sharedBackendsMax = limits.sharedBackendsMax;
    this.backendsMax = limits.backendsMax;
  }

  get waiters(): number {
    return this.#places.size;
  }
  get backends(): number {
    return this.#idle.length + this.#shared.size + this.#alone.size + this.#leased.size;
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
  get alone(): number {
    return this.#alone.size;
  }
  get sharedBackends(): Iterable<B> {
    return this.#shared;
  }
  /** Backends that somebody uses. */
  get busy(): number {
    return this.#shared.size + this.#alone.size + this.#leased.size;
  }
  /** Every backend, wherever it is. */
  get everyBackend(): B[] {
    return [...this.#idle, ...this.#shared, ...this.#alone, ...this.#leased];
  }
  isShared(backend: B): boolean {
    return this.#shared.has(backend);
  }
  isLeased(backend: B): boolean {
    return this.#leased.has(backend);
  }
  get isPaused(): boolean {
    return this.#paused;
  }
  get overtakes(): number {
    return this.#overtakes;
  }
  get overtakesMax(): number {
    return 4 * this.#limits.sharedGroupsMax;
  }
  /** Who wants a backend for himself and may have one. */
  get waitersForBackend(): number {
    const room = aloneBackendsMax(this.backendsMax) - this.#alone.size;
    return this.#lines.lease.length + Math.max(0, Math.min(this.#lines.alone.length, room));
  }
  /** Since when the first in line waits; undefined if nobody does. */
  get oldestSinceMs(): number | undefined {
    return this.#firstAfter(0)?.sinceMs;
  }

  /**
   * A backend now, or a place in the line (`next` will tell), or neither. The backend has these settings if one such was free; else the caller
   * has to give them to it. `nowMs` is asked only if it has to wait.
   */
  ask(who: W, want: Want, wish: Wish, nowMs: () => number): Answer<B> {
    if (this.#places.size === 0 ? !this.#paused : this.#mayPass(want)) {
      const backend = this.#take(want, wish, this.#places.size === 0 || this.waitersForBackend === 0);
      if (backend !== undefined) return { kind: 'taken', backend };
    }
    assert(!this.#places.has(who), 'nobody waits twice');
    if (this.waiters >= this.#limits.waitersMax) return { kind: 'full' };
    this.#lastTicket += 1;
    const waiter = { who, want, wish, ticket: this.#lastTicket, sinceMs: nowMs(), gone: false };
    this.#lines[want].add(waiter);
    this.#places.set(who, waiter);
    return { kind: 'waiting' };
  }

  /** The first in line and its backend, if there is one for it. To be called until it answers undefined, after anything changed. */
  next(): Assignment<B, W> | undefined {
    if (this.#paused || this.#places.size === 0) return undefined;
    // Somebody who came earlier wants a backend and there is none for him.
    let passesBy = false;
    for (let waiter = this.#firstAfter(0); waiter !== undefined; waiter = this.#firstAfter(waiter.ticket)) {
      const may = waiter.want !== 'share' || !passesBy || this.#mayOvertake;
      const backend = may ? this.#take(waiter.want, waiter.wish, !passesBy) : undefined;
      if (backend !== undefined) {
        this.#lines[waiter.want].take();
        this.#places.delete(waiter.who);
        return { who: waiter.who, backend, want: waiter.want, sinceMs: waiter.sinceMs };
      }
      passesBy ||= waiter.want === 'lease' || (waiter.want === 'alone' && this.#hasRoomAlone);
    }
    return undefined;
  }

  /** Takes somebody out of the line. */
  forget(who: W): boolean {
    const waiter = this.#places.get(who);
    if (waiter === undefined) return false;
    this.#places.delete(who);
    this.#lines[waiter.want].leave(waiter);
    if (this.waitersForBackend === 0) this.#overtakes = 0;
    return true;
  }

  /** Takes everybody out of the lines, in the order of their coming. */
  forgetAll(): W[] {
    const { share, alone, lease } = this.#lines;
    const all = [...share.takeAll(), ...alone.takeAll(), ...lease.takeAll()];
    this.#places.clear();
    this.#overtakes = 0;
    return all.toSorted((a, b) => a.ticket - b.ticket).map(({ who }) => who);
  }

  /** Nobody is given anything until `resume`; who has a backend keeps it. */
  pause(): void {
    this.#paused = true;
  }

  /** After it `next` has to be called. */
  resume(): void {
    this.#paused = false;
  }

  /** Whether one more backend should be started, for those who wait or to spread shared groups. The caller then calls `starts`. */
  get wantsBackend(): boolean {
    if (this.#paused || this.#askedBack > 0 || this.backends + this.#starting >= this.backendsMax) return false;
    if (this.#wanted > this.#starting || this.backends + this.#starting < this.keeps) return true;
    return this.#crowded && this.#starting === 0 && this.#shared.size < this.sharedBackendsMax;
  }

  /** How many more backends those who wait could use. */
  get #wanted(): number {
    const sharers = this.#lines.share.length;
    const forSharers = sharers === 0 ? 0 : Math.min(sharers, Math.max(1, this.sharedBackendsMax - this.#shared.size));
    return this.waitersForBackend + forSharers;
  }

  /** How many backends the pool could use now: those in use and those that its waiters want. */
  get demand(): number {
    return Math.min(this.#limits.backendsMax, this.busy + this.#wanted);
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

  /** A backend that nobody leases has answered everything: it is idle. One that is leased stays so. */
  answered(backend: B): void {
    if (this.#shared.delete(backend) || this.#alone.delete(backend)) this.#idle.push(backend);
  }

  /** A borrowed backend is idle as it was: the first to be closed. */
  returned(backend: B): void {
    if (this.#leased.delete(backend)) this.#idle.unshift(backend);
  }

  /** A leased backend is clean and free again. */
  released(backend: B): void {
    if (this.#leased.delete(backend)) this.#idle.push(backend);
  }

  /** The head group of a shared backend takes long, or is read slowly: nobody comes behind it any more. False if it is not shared. */
  isolate(backend: B): boolean {
    if (!this.#shared.delete(backend)) return false;
    this.#alone.add(backend);
    return true;
  }

  /** Whether what stands on this shared backend could run on another one, now or as soon as that has logged in. */
  hasPlaceBesides(backend: B): boolean {
    if (this.#idle.some((other) => !other.isBusyForOthers)) return true;
    if (this.backends + this.#starting < this.backendsMax) return true;
    for (const other of this.#shared) {
      if (other === backend || other.isBusyForOthers || other.retired || other.stalled) continue;
      if (other.owedGroups < this.#limits.sharedGroupsMax) return true;
    }
    return false;
  }

  /** The backend is gone, or will be closed: it is none of the pool's any more. */
  lost(backend: B): void {
    this.#shared.delete(backend);
    this.#alone.delete(backend);
    this.#leased.delete(backend);
    const at = this.#idle.indexOf(backend);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** The backend that has been idle for longest, taken out. */
  takeOldestIdle(): B | undefined {
    return this.#idle.shift();
  }

  /** Takes an idle backend for the pooler's own use; `returned` gives it back. False if it is not idle. */
  borrow(backend: B): boolean {
    const at = this.#idle.indexOf(backend);
    if (at < 0 || backend.isBusyForOthers) return false;
    this.#idle.splice(at, 1);
    this.#leased.add(backend);
    return true;
  }

  /** So many backends have to be given up in favour of other pools. They are taken with `takeAskedBack`. */
  askBack(count: number): void {
    this.#askedBack = count;
  }

  get askedBack(): number {
    return this.#askedBack;
  }

  /** An idle backend that has to be given up, taken out. To be asked before `next`. */
  takeAskedBack(): B | undefined {
    if (this.#askedBack === 0) return undefined;
    const backend = this.#idle.shift();
    if (backend !== undefined) this.#askedBack -= 1;
    return backend;
  }

  /** Whether somebody who wants to run alone would get a backend at once. */
  get mayRunAlone(): boolean {
    if (this.#paused || !this.#hasRoomAlone || this.waitersForBackend > 0) return false;
    return this.#idle.some((backend) => !backend.isBusyForOthers);
  }

  // --- inside ---

  get #hasRoomAlone(): boolean {
    return this.#alone.size < aloneBackendsMax(this.backendsMax);
  }

  /** Of the first in each line the one who came earliest, but after `ticket`. */
  #firstAfter(ticket: number): Waiter<W> | undefined {
    const { share, alone, lease } = this.#lines;
    return earlier(earlier(share.first, alone.first, ticket), lease.first, ticket);
  }

  /** Whether somebody who comes now may be served although others wait: they wait for what he does not want. */
  #mayPass(want: Want): boolean {
    if (this.#paused || this.#lines[want].length > 0) return false;
    if (want === 'share') return this.#mayOvertake;
    return this.waitersForBackend === 0;
  }

  get #mayOvertake(): boolean {
    return this.waitersForBackend === 0 || this.#overtakes < this.overtakesMax;
  }

  #take(want: Want, wish: Wish, mayTakeIdle: boolean): B | undefined {
    if (want === 'share') return this.#takeShared(wish, mayTakeIdle);
    if (want === 'alone' && !this.#hasRoomAlone) return undefined;
    const backend = this.#takeIdle(wish);
    if (backend === undefined) return undefined;
    (want === 'lease' ? this.#leased : this.#alone).add(backend);
    this.#overtakes = 0;
    return backend;
  }

  #takeIdle(wish: Wish): B | undefined {
    const at = this.#likest(wish);
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0];
  }

  /**
   * Where among the idle: the one used last that is just like that, else one with the same settings under another name, else one as fresh as
   * at login, else any; never one that a cancel meant for its last user may still hit. -1 if there is none.
   */
  #likest({ settings, applicationName }: Wish): number {
    let alike = -1;
    let fresh = -1;
    let any = -1;
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const backend = this.#idle[i] as B;
      if (backend.isBusyForOthers) continue;
      if (backend.settings === settings) {
        if (backend.applicationName === applicationName) return i;
        if (alike < 0) alike = i;
      }
      if (any < 0) any = i;
      if (fresh < 0 && backend.settings === '') fresh = i;
    }
    if (alike >= 0) return alike;
    return fresh < 0 ? any : fresh;
  }

  #takeShared(wish: Wish, mayTakeIdle: boolean): B | undefined {
    const wanted = this.#places.size === 0 && this.#askedBack === 0 ? 0 : this.waitersForBackend + this.#askedBack;
    if (mayTakeIdle && this.#shared.size < this.sharedBackendsMax) {
      const backend = this.#takeIdle(wish);
      if (backend !== undefined) {
        this.#shared.add(backend);
        return backend;
      }
    }
    // The last ones of the set get nothing new while somebody waits for a backend, so that they become idle.
    const least = this.#askedBack >= this.backends ? 0 : 1;
    let fed = wanted === 0 ? this.#shared.size : Math.max(least, this.#shared.size - wanted);
    let best: B | undefined;
    let bestCost = Infinity;
    for (const backend of this.#shared) {
      if (fed === 0) break;
      fed -= 1;
      if (backend.settings !== wish.settings || backend.isBusyForOthers || backend.retired || backend.stalled) continue;
      if (backend.owedGroups >= this.#limits.sharedGroupsMax) continue;
      // Another name costs a statement more.
      const cost = backend.owedGroups + (backend.applicationName === wish.applicationName ? 0 : 1);
      if (cost >= bestCost) continue;
      best = backend;
      bestCost = cost;
    }
    if (best === undefined) return undefined;
    if (!mayTakeIdle) this.#overtakes += 1;
    this.#crowded ||= this.#shared.size < this.sharedBackendsMax;
    return best;
  }
}

/** Of two, who came earlier; only who came after `ticket` counts. */
function earlier<W>(a: Waiter<W> | undefined, b: Waiter<W> | undefined, ticket: number): Waiter<W> | undefined {
  if (a === undefined || a.ticket <= ticket) return b === undefined || b.ticket <= ticket ? undefined : b;
  return b === undefined || b.ticket <= ticket || a.ticket < b.ticket ? a : b;
}

/** For the simulator and the tests, after each step. */
export function poolInvariants<B extends Seat, W>(
  limits: PoolLimits,
): Record<string, (pool: PoolMachine<B, W>) => boolean> {
  return {
    'the backend limit holds': (pool) => pool.backends + pool.starting <= limits.backendsMax,
    'an idle backend owes nothing': (pool) => pool.idle.every((backend) => backend.owedGroups === 0),
    // Asked after `next` has answered undefined.
    'nobody waits for a backend while one is idle': (pool) =>
      pool.isPaused || pool.waitersForBackend === 0 || pool.idle.every((backend) => backend.isBusyForOthers),
    'nobody is overtaken for ever': (pool) => pool.waitersForBackend === 0 || pool.overtakes <= pool.overtakesMax,
    'the line is bounded': (pool) => pool.waiters <= limits.waitersMax,
    'shared backends are bounded': (pool) => pool.shared <= limits.sharedBackendsMax,
  };
}
