import { utf8, utf8Text, type Clock, type Endpoint, type Random } from '@multigres/core';
import {
  closedError,
  RenewedLease,
  versionMismatch,
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
} from '@multigres/topology';
import { EtcdClient } from './etcd-client.ts';
import { EtcdWatch } from './etcd-watch.ts';
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  KV,
  Lease as LeaseService,
  type KeyValue,
} from './gen/etcdserverpb/rpc_pb.ts';

export interface EtcdStoreOptions {
  /** The members of one etcd cluster. */
  readonly endpoints: readonly Endpoint[];
  /** All keys start with it, e.g. `/multigres/global/`. */
  readonly root: string;
}

/** The store of production: etcd 3.4 or newer. Speaks etcd's gRPC API directly, so that every wait has a deadline and every fate is honest. */
export class EtcdStore implements Store {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #root: string;
  readonly #client: EtcdClient;
  readonly #watches = new Set<EtcdWatch>();
  readonly #leases = new Set<RenewedLease>();
  #closed = false;

  constructor(world: { readonly clock: Clock; readonly random: Random }, options: EtcdStoreOptions) {
    this.#clock = world.clock;
    this.#random = world.random.fork('etcd');
    this.#root = options.root;
    this.#client = new EtcdClient(world.clock, options.endpoints);
  }

  async get(key: string, options: CallOptions): Promise<Entry | undefined> {
    const request = { key: this.#key(key) };
    const { kvs } = await this.#client.unary(KV.method.range, request, { ...options, kind: 'read' });
    return kvs[0] === undefined ? undefined : this.#entry(kvs[0]);
  }

  async list(prefix: string, options: CallOptions): Promise<Listing> {
    const [key, rangeEnd] = this.#range(prefix);
    const { kvs, header } = await this.#client.unary(KV.method.range, { key, rangeEnd }, { ...options, kind: 'read' });
    return { entries: kvs.map((kv) => this.#entry(kv)), revision: (header?.revision ?? 0n) as Revision };
  }

  async put(key: string, value: Uint8Array, options: PutOptions): Promise<Revision> {
    const put = { key: this.#key(key), value: value.slice(), lease: BigInt(options.lease?.id ?? 0) };
    const call = { deadlineMs: options.deadlineMs, kind: 'change' } as const;
    if (options.expectedVersion === undefined) {
      const { header } = await this.#client.unary(KV.method.put, put, call);
      return (header?.revision ?? 0n) as Revision;
    }
    const request = {
      compare: [this.#atVersion(put.key, options.expectedVersion)],
      success: [{ request: { case: 'requestPut' as const, value: put } }],
    };
    const { succeeded, header } = await this.#client.unary(KV.method.txn, request, call);
    if (!succeeded) throw versionMismatch(key);
    return (header?.revision ?? 0n) as Revision;
  }

  async delete(key: string, options: DeleteOptions): Promise<boolean> {
    const value = { key: this.#key(key) };
    const call = { deadlineMs: options.deadlineMs, kind: 'change' } as const;
    if (options.expectedVersion === undefined) {
      return (await this.#client.unary(KV.method.deleteRange, value, call)).deleted > 0n;
    }
    const request = {
      compare: [this.#atVersion(value.key, options.expectedVersion)],
      success: [{ request: { case: 'requestDeleteRange' as const, value } }],
    };
    const { succeeded } = await this.#client.unary(KV.method.txn, request, call);
    if (!succeeded) throw versionMismatch(key);
    return options.expectedVersion > 0n;
  }

  watch(prefix: string, after: Revision, listener: WatchListener): Watch {
    if (this.#closed) return { close: () => {} };
    const [from, below] = this.#range(prefix);
    const watch: EtcdWatch = new EtcdWatch({
      client: this.#client,
      clock: this.#clock,
      random: this.#random,
      from,
      below,
      rootLength: this.#root.length,
      after,
      listener,
      closed: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    return watch;
  }

  async lease(ttlMs: number, options: CallOptions): Promise<Lease> {
    const request = { TTL: BigInt(Math.ceil(ttlMs / 1000)) };
    const { ID, TTL } = await this.#client.unary(LeaseService.method.leaseGrant, request, {
      ...options,
      kind: 'change',
    });
    if (this.#closed) throw closedError();
    const lease: RenewedLease = new RenewedLease({
      id: String(ID),
      ttlMs: Number(TTL) * 1000,
      clock: this.#clock,
      renew: (deadlineMs) => this.#renew(ID, deadlineMs),
      revoke: async (deadlineMs) => {
        await this.#client.unary(LeaseService.method.leaseRevoke, { ID }, { deadlineMs, kind: 'change' });
      },
      ended: () => this.#leases.delete(lease),
    });
    this.#leases.add(lease);
    return lease;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
    for (const lease of this.#leases) lease.stop();
    this.#client.close();
  }

  async #renew(ID: bigint, deadlineMs: number): Promise<boolean> {
    const answer = await this.#client.exchange(
      LeaseService.method.leaseKeepAlive,
      { ID },
      { deadlineMs, kind: 'change' },
    );
    return answer.TTL > 0n;
  }

  #atVersion(key: Uint8Array, modRevision: bigint): object {
    return { result: Compare_CompareResult.EQUAL, target: Compare_CompareTarget.MOD, key, modRevision };
  }

  #key(key: string): Uint8Array {
    return utf8(this.#root + key);
  }

  #entry(kv: KeyValue): Entry {
    return { key: utf8Text(kv.key).slice(this.#root.length), value: kv.value, version: kv.modRevision as Revision };
  }

  /** All keys with a prefix: from it to the first key that no longer has it (etcd documentation, "Key ranges"). */
  #range(prefix: string): readonly [from: Uint8Array, below: Uint8Array] {
    const from = this.#key(prefix);
    if (from.length === 0) return [Uint8Array.of(0), Uint8Array.of(0)];
    const below = from.slice();
    // Keys are ASCII, so the last byte is never 0xff.
    below[below.length - 1] = (below.at(-1) as number) + 1;
    return [from, below];
  }
}
