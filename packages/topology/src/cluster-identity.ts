import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClusterIdentitySchema } from '@multigres/rpc';
import { foreignCluster, malformedRecord } from './errors.ts';
import { clusterIdentityKind } from './record-kind.ts';
import {
  noRevision,
  TopologyError,
  type CallOptions,
  type DeleteOptions,
  type Entry,
  type Lease,
  type Listing,
  type PutOptions,
  type Revision,
  type Store,
  type Topology,
  type Watch,
  type WatchListener,
} from './store.ts';

const identityKey = clusterIdentityKind.prefix + 'cluster';

/**
 * The stores of the cluster `clusterId`, and of no other: whoever comes first writes that name into the store; to everybody else each call fails
 * with `foreign`, before it has read or changed anything. A cell is checked by its own store, so that it works while the global one is away; and by the
 * global one, if that answers, because an etcd may keep cells of several clusters.
 *
 * `createdMs`: wall clock, for the record. `onForeign` runs once for each store that belongs to somebody else.
 */
export function identified(
  topology: Topology,
  clusterId: string,
  options: { readonly createdMs: () => number; readonly onForeign?: (error: TopologyError) => void },
): Topology {
  const global = new IdentifiedStore(topology.global, clusterId, options);
  const guards = new Map<Store, Store>();
  const guarded = (store: Store): Store => {
    const known = guards.get(store);
    if (known !== undefined) return known;
    const guard = new IdentifiedStore(store, clusterId, options, global);
    guards.set(store, guard);
    return guard;
  };
  return {
    global,
    cell: (name, place) => guarded(topology.cell(name, place)),
    close: () => topology.close(),
  };
}

/** The global store may be away; a cell does not wait for it for long. */
const globalMsMax = 1000;

function unlessForeign(error: unknown): void {
  if (!(error instanceof TopologyError) || error.code === 'foreign') throw error;
}

/** Asks whose the store is before the first call, and never again: an identity is written once. */
class IdentifiedStore implements Store {
  readonly #store: Store;
  readonly #clusterId: string;
  readonly #options: Parameters<typeof identified>[2];
  readonly #global: IdentifiedStore | undefined;
  #state: 'unknown' | 'ours' | TopologyError = 'unknown';

  constructor(store: Store, clusterId: string, options: Parameters<typeof identified>[2], global?: IdentifiedStore) {
    this.#store = store;
    this.#clusterId = clusterId;
    this.#options = options;
    this.#global = global;
  }

  async get(key: string, options: CallOptions): Promise<Entry | undefined> {
    await this.identify(options);
    return this.#store.get(key, options);
  }

  async list(prefix: string, options: CallOptions): Promise<Listing> {
    await this.identify(options);
    return this.#store.list(prefix, options);
  }

  async put(key: string, value: Uint8Array, options: PutOptions): Promise<Revision> {
    await this.identify(options);
    return this.#store.put(key, value, options);
  }

  async delete(key: string, options: DeleteOptions): Promise<boolean> {
    await this.identify(options);
    return this.#store.delete(key, options);
  }

  /** A watch follows a listing, which was checked. */
  watch(prefix: string, after: Revision, listener: WatchListener): Watch {
    return this.#store.watch(prefix, after, listener);
  }

  async lease(ttlMs: number, options: CallOptions): Promise<Lease> {
    await this.identify(options);
    return this.#store.lease(ttlMs, options);
  }

  close(): void {
    this.#store.close();
  }

  /** Rejects unless the store is ours. */
  async identify(options: CallOptions): Promise<void> {
    if (this.#state === 'ours') return;
    if (this.#state !== 'unknown') throw this.#state;
    const { deadlineMs } = options;
    if (this.#global !== undefined)
      await this.#global.identify({ deadlineMs: Math.min(deadlineMs, globalMsMax) }).catch(unlessForeign);
    const owner = (await this.#owner(deadlineMs)) ?? (await this.#claim(deadlineMs));
    if (this.#state !== 'unknown') return this.identify(options);
    if (owner === this.#clusterId) {
      this.#state = 'ours';
      return;
    }
    this.#state = foreignCluster(owner, this.#clusterId);
    this.#options.onForeign?.(this.#state);
    throw this.#state;
  }

  async #owner(deadlineMs: number): Promise<string | undefined> {
    const entry = await this.#store.get(identityKey, { deadlineMs });
    if (entry === undefined) return undefined;
    try {
      return fromBinary(ClusterIdentitySchema, entry.value).clusterId;
    } catch (error) {
      throw malformedRecord(identityKey, error);
    }
  }

  /** Answers whose it is then: of two who come first at once, one is. */
  async #claim(deadlineMs: number): Promise<string> {
    const clusterId = this.#clusterId;
    const identity = create(ClusterIdentitySchema, {
      clusterId,
      createdMs: BigInt(Math.round(this.#options.createdMs())),
    });
    try {
      const value = toBinary(ClusterIdentitySchema, identity);
      await this.#store.put(identityKey, value, { deadlineMs, expectedVersion: noRevision });
      return clusterId;
    } catch (error) {
      if (!(error instanceof TopologyError) || error.code !== 'versionMismatch') throw error;
      return (await this.#owner(deadlineMs)) ?? clusterId;
    }
  }
}
