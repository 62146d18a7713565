import { type Clock, type Timer } from '@multigres/core';
import { leaseLost, versionMismatch } from './errors.ts';
import { MemoryStore } from './memory-store.ts';
import { noRevision, type Change, type Entry, type Listing, type Revision, type Store } from './store.ts';

interface Kept extends Entry {
  readonly lease: string | undefined;
}

interface KeptLease {
  readonly id: string;
  readonly ttlMs: number;
  readonly keys: Set<string>;
  timer: Timer;
}

/** All changes of one revision. */
interface Step {
  readonly revision: Revision;
  readonly changes: readonly Change[];
}

/** Steps kept for watches that come back; older ones are compacted away, so that memory is bounded. */
const historyMax = 10_000;

/**
 * What etcd does, in memory: revisions, versions, history with compaction, leases, and outages on demand. For unit tests, the simulator, and a
 * proxy without etcd. Like etcd it grants leases in whole seconds, at least two, and lets none end while it is away: those that are left begin
 * anew when it is back (etcd's documentation, "Lease"; etcd extends leases after a change of leader or a restart).
 */
export class MemoryStoreServer {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Kept>();
  readonly #leases = new Map<string, KeptLease>();
  readonly #listeners = new Set<() => void>();
  #history: Step[] = [];
  #revision = 1n as Revision;
  /** History up to and including this one is gone. */
  #compacted: Revision = noRevision;
  #lastLease = 0;
  #outage: 'none' | 'refusing' | 'silent' = 'none';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A client on a node with this clock; all its keys live under the root. */
  connect(clock: Clock, root = ''): Store {
    return new MemoryStore(this, clock, root);
  }

  get revision(): Revision {
    return this.#revision;
  }

  get outage(): 'none' | 'refusing' | 'silent' {
    return this.#outage;
  }

  /** `refusing`: the process is gone. `silent`: it, or the path to it, is stuck. Nothing changes meanwhile. */
  set outage(outage: 'none' | 'refusing' | 'silent') {
    this.#outage = outage;
    for (const lease of this.#leases.values()) {
      lease.timer.cancel();
      if (outage === 'none') this.#armLease(lease);
    }
    this.#tell();
  }

  /** Forgets the history up to now, as an administrator or etcd's own housekeeping would. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#history = [];
  }

  /** Calls back after each change and each outage; answers a function that ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get(key: string): Entry | undefined {
    const kept = this.#entries.get(key);
    return kept === undefined ? undefined : entryOf(kept);
  }

  list(prefix: string): Listing {
    const found = [...this.#entries.values()].filter((entry) => entry.key.startsWith(prefix));
    const entries = found.map(entryOf).toSorted((a, b) => (a.key < b.key ? -1 : 1));
    return { entries, revision: this.#revision };
  }

  /** The steps after a revision, or undefined if they are gone. */
  since(after: Revision): readonly Step[] | undefined {
    if (after < this.#compacted) return undefined;
    const first = this.#history[0]?.revision ?? this.#revision;
    return this.#history.slice(Math.max(0, Number(after - first) + 1));
  }

  /** Throws a TopologyError. */
  put(key: string, value: Uint8Array, lease: string | undefined, expected: Revision | undefined): Revision {
    this.#expect(key, expected);
    const owner = lease === undefined ? undefined : this.#leases.get(lease);
    if (lease !== undefined && owner === undefined) throw leaseLost(lease);
    const version = this.#next();
    this.#detach(key);
    owner?.keys.add(key);
    const kept: Kept = { key, value, version, lease };
    this.#entries.set(key, kept);
    this.#record([{ kind: 'put', entry: entryOf(kept) }]);
    return version;
  }

  /** Throws a TopologyError. */
  delete(key: string, expected: Revision | undefined): boolean {
    this.#expect(key, expected);
    if (!this.#entries.has(key)) return false;
    this.#remove([key]);
    return true;
  }

  grant(ttlMs: number): { readonly id: string; readonly ttlMs: number } {
    this.#lastLease += 1;
    const id = String(this.#lastLease);
    const granted = Math.max(2, Math.ceil(ttlMs / 1000)) * 1000;
    const lease: KeptLease = { id, ttlMs: granted, keys: new Set(), timer: { cancel: () => {} } };
    this.#leases.set(id, lease);
    this.#armLease(lease);
    return { id, ttlMs: granted };
  }

  /** Answers whether the lease still lives. */
  renew(id: string): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    this.#armLease(lease);
    return true;
  }

  revoke(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.timer.cancel();
    this.#leases.delete(id);
    this.#remove([...lease.keys]);
  }

  #armLease(lease: KeptLease): void {
    lease.timer.cancel();
    lease.timer = this.#clock.after(lease.ttlMs, () => this.revoke(lease.id));
  }

  #expect(key: string, expected: Revision | undefined): void {
    if (expected === undefined) return;
    if ((this.#entries.get(key)?.version ?? noRevision) !== expected) throw versionMismatch(key);
  }

  #next(): Revision {
    this.#revision = (this.#revision + 1n) as Revision;
    return this.#revision;
  }

  #remove(keys: readonly string[]): void {
    if (keys.length === 0) return;
    const version = this.#next();
    for (const key of keys) {
      this.#detach(key);
      this.#entries.delete(key);
    }
    this.#record(keys.map((key) => ({ kind: 'delete', key, version })));
  }

  #detach(key: string): void {
    const lease = this.#entries.get(key)?.lease;
    if (lease !== undefined) this.#leases.get(lease)?.keys.delete(key);
  }

  #record(changes: readonly Change[]): void {
    this.#history.push({ revision: this.#revision, changes });
    if (this.#history.length > 2 * historyMax) {
      const gone = this.#history.splice(0, historyMax);
      this.#compacted = (gone.at(-1) as Step).revision;
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function entryOf({ key, value, version }: Kept): Entry {
  return { key, value: value.slice(), version };
}
