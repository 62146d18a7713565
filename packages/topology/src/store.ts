import type { Branded, Fate } from '@multigres/core';

/** A point in a store's history (etcd's revision): each change of any key makes the next one. */
export type Revision = Branded<bigint, 'Revision'>;

/** Before all history: as an expected version it means "the key must not exist". */
export const noRevision: Revision = 0n as Revision;

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision of its last change. */
  readonly version: Revision;
}

export interface Listing {
  /** Sorted by key. */
  readonly entries: readonly Entry[];
  /** The store's revision when it was read: a watch after it misses nothing. */
  readonly revision: Revision;
}

export type Change =
  | { readonly kind: 'put'; readonly entry: Entry }
  | { readonly kind: 'delete'; readonly key: string; readonly version: Revision };

export interface CallOptions {
  /** From now. Mandatory: nothing waits for ever. */
  readonly deadlineMs: number;
}

export interface PutOptions extends CallOptions {
  /** The entry goes when the lease ends. Without one it stays. */
  readonly lease?: Lease;
  /** Changes the entry only if this is its version; `noRevision`: only if there is none. */
  readonly expectedVersion?: Revision;
}

export interface DeleteOptions extends CallOptions {
  readonly expectedVersion?: Revision;
}

export interface WatchListener {
  /**
   * Changes in the order of the store's history, each once. All changes of a revision come in one call, as far as they are under the prefix;
   * `revision` is the last that is covered. No changes: history moved on elsewhere.
   */
  changed(changes: readonly Change[], revision: Revision): void;
  /** The store can be reached, or cannot: what was heard so far may be out of date. Starts as false; told only when it changes. */
  connected(yes: boolean): void;
  /** The last call. `compacted`: the history since the last revision is gone, list again. `denied`: not allowed. Never `unavailable`. */
  ended(error: TopologyError): void;
}

export interface Watch {
  /** No further call to the listener. Idempotent. */
  close(): void;
}

/** A promise of the store to keep entries while we live. Renewed on its own, through outages too, until revoked or lost. */
export interface Lease {
  readonly id: string;
  /** What was granted: at least what was asked for. */
  readonly ttlMs: number;
  /** The store said that it has ended, and its entries with it. */
  readonly lost: boolean;
  /** Runs once when `lost` turns true; in a later turn if it already is. */
  onLost(run: () => void): void;
  /** Ends it now. Its entries go, at the latest when `ttlMs` have passed if the store cannot be reached. Never rejects. */
  revoke(options: CallOptions): Promise<void>;
}

export type TopologyErrorCode =
  | 'unavailable' // nobody answers there, or it has no quorum
  | 'timeout' // no answer before the deadline
  | 'versionMismatch' // the entry is not at the expected version
  | 'notFound' // no such cell
  | 'leaseLost' // the lease has ended
  | 'compacted' // the history asked for is gone
  | 'full' // the store is out of space
  | 'tooLarge' // the value is over the store's limit
  | 'denied' // not allowed
  | 'foreign' // the store belongs to another cluster
  | 'closed' // used after it was closed on this side
  | 'other';

/** What a store reports; `host` and `sim` translate their own errors into it. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError';
  readonly code: TopologyErrorCode;
  /** Of the change that was asked for. Reads change nothing: `notApplied`. */
  readonly fate: Fate;

  constructor(code: TopologyErrorCode, message: string, fate: Fate, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.fate = fate;
  }
}

/**
 * A small, consistent, watchable store of records: etcd in production. Keys are printable ASCII, relative to the root that the store was
 * made with.
 *
 * Contract (`contract/store-contract.ts`): calls reject with a TopologyError and end by their deadline, whatever the store does; `get` and `list`
 * answer what the last acknowledged change left (linearizable); a change that was refused with fate `notApplied` did not happen; watches and
 * leases outlive outages and restarts of the store.
 */
export interface Store {
  get(key: string, options: CallOptions): Promise<Entry | undefined>;
  /** All entries whose keys start with the prefix; the empty prefix is everything. */
  list(prefix: string, options: CallOptions): Promise<Listing>;
  /** Answers the new version. `versionMismatch`, `leaseLost`, `full`, `tooLarge`. */
  put(key: string, value: Uint8Array, options: PutOptions): Promise<Revision>;
  /** Answers false if there was nothing. `versionMismatch`. */
  delete(key: string, options: DeleteOptions): Promise<boolean>;
  /** Follows all changes after a revision to keys that start with the prefix. Never fails: `ended` tells. */
  watch(prefix: string, after: Revision, listener: WatchListener): Watch;
  /** A lease of at least `ttlMs`. Stores may round up and have a minimum (etcd: whole seconds, 2 s). */
  lease(ttlMs: number, options: CallOptions): Promise<Lease>;
  /** Closes watches; leases are no longer renewed; calls fail with `closed`. Idempotent. */
  close(): void;
}

/** Where a cell's store is, as its record tells (`Cell`). */
export interface CellPlace {
  /** host:port of each member. */
  readonly storeEndpoints: readonly string[];
  /** All keys of the cell start with it; empty: the usual one. */
  readonly storeRoot: string;
}

/** The stores of a cluster: one for what all cells share, one in each cell, so that a cell can live without the others. */
export interface Topology {
  readonly global: Store;
  /**
   * The same store for the same name. A cell that is not configured is found by its place, if that is known; else this throws a TopologyError
   * (`notFound`). Another place than before is another store, and the one before is closed.
   */
  cell(name: string, place?: CellPlace): Store;
  /** Closes every store. Idempotent. */
  close(): void;
}
