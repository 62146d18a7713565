import type { Clock } from '@multigres/core';
import type { MemoryStoreServer } from './memory-store-server.ts';
import { callEnded, closedError, refused, timedOut } from './errors.ts';
import { RenewedLease } from './renewed-lease.ts';
import { MemoryWatch } from './memory-watch.ts';
import {
  noRevision,
  type CallOptions,
  type DeleteOptions,
  type Entry,
  type Lease,
  type Listing,
  type PutOptions,
  type Revision,
  type Store,
  type Watch,
  type WatchListener,
} from './store.ts';

/** A client of a `MemoryStoreServer`. Its time is its own node's: a node that stands still renews no lease. */
export class MemoryStore implements Store {
  readonly #server: MemoryStoreServer;
  readonly #clock: Clock;
  readonly #root: string;
  readonly #watches = new Set<MemoryWatch>();
  readonly #leases = new Set<RenewedLease>();
  #closed = false;

  constructor(server: MemoryStoreServer, clock: Clock, root: string) {
    this.#server = server;
    this.#clock = clock;
    this.#root = root;
  }

  get(key: string, options: CallOptions): Promise<Entry | undefined> {
    return this.#call('read', options, () => {
      const entry = this.#server.get(this.#root + key);
      return entry === undefined ? undefined : { ...entry, key };
    });
  }

  list(prefix: string, options: CallOptions): Promise<Listing> {
    return this.#call('read', options, () => {
      const { entries, revision } = this.#server.list(this.#root + prefix);
      return { entries: entries.map((entry) => ({ ...entry, key: entry.key.slice(this.#root.length) })), revision };
    });
  }

  put(key: string, value: Uint8Array, options: PutOptions): Promise<Revision> {
    const copy = value.slice();
    return this.#call('change', options, () =>
      this.#server.put(this.#root + key, copy, options.lease?.id, options.expectedVersion),
    );
  }

  delete(key: string, options: DeleteOptions): Promise<boolean> {
    return this.#call('change', options, () => this.#server.delete(this.#root + key, options.expectedVersion));
  }

  watch(prefix: string, after: Revision, listener: WatchListener): Watch {
    const watch: MemoryWatch = new MemoryWatch({
      server: this.#server,
      clock: this.#clock,
      root: this.#root,
      prefix,
      after: after < noRevision ? noRevision : after,
      listener,
      closed: () => this.#watches.delete(watch),
    });
    if (this.#closed) watch.close();
    else this.#watches.add(watch);
    return watch;
  }

  async lease(ttlMs: number, options: CallOptions): Promise<Lease> {
    const granted = await this.#call('change', options, () => this.#server.grant(ttlMs));
    const lease: RenewedLease = new RenewedLease({
      ...granted,
      clock: this.#clock,
      renew: (deadlineMs) => this.#call('change', { deadlineMs }, () => this.#server.renew(granted.id)),
      revoke: (deadlineMs) => this.#call('change', { deadlineMs }, () => this.#server.revoke(granted.id)),
      ended: () => this.#leases.delete(lease),
    });
    this.#leases.add(lease);
    return lease;
  }

  close(): void {
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    for (const lease of this.#leases) lease.stop();
  }

  /** There and back take a turn each; a server that is away refuses, or is silent until the deadline. */
  #call<T>(kind: 'read' | 'change', options: CallOptions, run: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(options.deadlineMs, () => reject(timedOut(kind)));
      const arrive = (): void => {
        if (this.#server.outage === 'silent') return;
        timer.cancel();
        if (this.#server.outage === 'refusing') {
          reject(refused());
          return;
        }
        try {
          resolve(run());
        } catch (error) {
          reject(callEnded(error));
        }
      };
      this.#clock.soon(arrive);
    });
  }
}
