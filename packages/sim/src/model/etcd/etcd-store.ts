import type { Clock, Random } from '@multigres/core';
import {
  RenewedLease,
  closedError,
  refused,
  timedOut,
  type CallOptions,
  type DeleteOptions,
  type Entry,
  type Lease,
  type Listing,
  type MemoryStoreServer,
  type PutOptions,
  type Revision,
  type Store,
  type Watch,
  type WatchListener,
} from '@multigres/topology';
import type { EtcdMember, EtcdModel, EtcdState, Party } from './etcd-model.ts';
import { EtcdWatch } from './etcd-watch.ts';

/** What a client of etcd is given: where it runs, and its own time and dice. */
export interface EtcdClientParts extends Party {
  readonly clock: Clock;
  readonly random: Random;
}

/** The store port over simulated etcd: one member is asked; a refused call goes on to the next, one that times out makes the next call begin elsewhere. */
export class EtcdStore implements Store {
  readonly #model: EtcdModel;
  readonly #parts: EtcdClientParts;
  readonly #root: string;
  readonly #watches = new Set<EtcdWatch>();
  readonly #leases = new Set<RenewedLease>();
  #favourite: number;
  #closed = false;

  constructor(model: EtcdModel, parts: EtcdClientParts, root = '') {
    this.#model = model;
    this.#parts = parts;
    this.#root = root;
    this.#favourite = parts.random.below(model.members.length);
  }

  get(key: string, options: CallOptions): Promise<Entry | undefined> {
    return this.#call('read', options, (state) => {
      const entry = state.get(this.#root + key);
      return entry === undefined ? undefined : { ...entry, key };
    });
  }

  list(prefix: string, options: CallOptions): Promise<Listing> {
    return this.#call('read', options, (state) => {
      const { entries, revision } = state.list(this.#root + prefix);
      return { entries: entries.map((entry) => ({ ...entry, key: entry.key.slice(this.#root.length) })), revision };
    });
  }

  put(key: string, value: Uint8Array, options: PutOptions): Promise<Revision> {
    const copy = value.slice();
    return this.#change(options, (core) =>
      core.put(this.#root + key, copy, options.lease?.id, options.expectedVersion),
    );
  }

  delete(key: string, options: DeleteOptions): Promise<boolean> {
    return this.#change(options, (core) => core.delete(this.#root + key, options.expectedVersion));
  }

  watch(prefix: string, after: Revision, listener: WatchListener): Watch {
    const watch: EtcdWatch = new EtcdWatch({
      model: this.#model,
      client: this.#parts,
      root: this.#root,
      prefix,
      after: after < 0n ? (0n as Revision) : after,
      listener,
      closed: () => this.#watches.delete(watch),
    });
    if (this.#closed) watch.close();
    else this.#watches.add(watch);
    return watch;
  }

  async lease(ttlMs: number, options: CallOptions): Promise<Lease> {
    const granted = await this.#change(options, (core) => core.grant(ttlMs));
    const lease: RenewedLease = new RenewedLease({
      ...granted,
      clock: this.#parts.clock,
      renew: (deadlineMs) => this.#change({ deadlineMs }, (core) => core.renew(granted.id)),
      revoke: (deadlineMs) => this.#change({ deadlineMs }, (core) => core.revoke(granted.id)),
      ended: () => this.#leases.delete(lease),
    });
    if (this.#closed) lease.stop();
    else this.#leases.add(lease);
    return lease;
  }

  close(): void {
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    for (const lease of this.#leases) lease.stop();
  }

  #change<T>(options: CallOptions, run: (core: MemoryStoreServer) => T): Promise<T> {
    return this.#call('change', options, () => run(this.#model.core));
  }

  #call<T>(kind: 'read' | 'change', options: CallOptions, run: (state: EtcdState) => T): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    const { members } = this.#model;
    return new Promise((resolve, reject) => {
      let over = false;
      const timer = this.#parts.clock.after(options.deadlineMs, () => {
        over = true;
        this.#favourite += 1;
        reject(timedOut(kind));
      });
      const end = (settle: () => void): void => {
        if (over) return;
        over = true;
        timer.cancel();
        settle();
      };
      const ask = (left: number): void => {
        const member = members[this.#favourite % members.length] as EtcdMember;
        this.#model.request(this.#parts, member, kind, (state) => settled(run, state, resolve, reject), {
          answered: end,
          refused: () => {
            if (over) return;
            this.#favourite += 1;
            if (left > 1) ask(left - 1);
            else end(() => reject(refused()));
          },
        });
      };
      ask(members.length);
    });
  }
}

/** Runs it there; what is returned tells the client. */
function settled<T>(
  run: (state: EtcdState) => T,
  state: EtcdState,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): () => void {
  try {
    const value = run(state);
    return () => resolve(value);
  } catch (error) {
    return () => reject(error);
  }
}
