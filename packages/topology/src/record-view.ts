import { fromBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { assert, backoffMs, type Clock, type Random, type Telemetry, type Timer } from '@multigres/core';
import { TopologyError, type Change, type Entry, type Revision, type Store, type Watch } from './store.ts';
import type { RecordKind } from './record-kind.ts';

export interface RecordViewWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}

/** Deadline of one listing, and bounds of the pause before the next attempt. */
const listDeadlineMs = 3000;
const pauses = { firstMs: 100, lastMs: 3000 } as const;

/**
 * All records of one kind in one store, kept up to date. While the store is away the view keeps what it knows: `connected` and `records` are
 * independent. A record that cannot be read (written by a newer version, or damaged) leaves the one before it in place and a line in the log.
 */
export class RecordView<S extends DescMessage> {
  readonly #world: RecordViewWorld;
  readonly #store: Store;
  readonly #kind: RecordKind<S>;
  readonly #records = new Map<string, MessageShape<S>>();
  readonly #listeners = new Set<() => void>();
  #synced = false;
  #connected = false;
  #attempt = 0;
  #watch: Watch | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(world: RecordViewWorld, store: Store, kind: RecordKind<S>) {
    this.#world = world;
    this.#store = store;
    this.#kind = kind;
    void this.#list();
  }

  /** By name (the key without its prefix), as last known. */
  get records(): ReadonlyMap<string, MessageShape<S>> {
    return this.#records;
  }

  /** True once the store has been read completely; it stays true. */
  get synced(): boolean {
    return this.#synced;
  }

  /** The view follows the store now. False: it may be out of date. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Runs after each change of `records`, `synced` or `connected`. Answers a function that ends it. */
  onChange(run: () => void): () => void {
    const listener = (): void => run();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the view is synced; answers false if that takes longer than `limitMs`, or the view is closed first. */
  whenSynced(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        forget();
        resolve(this.#synced);
      };
      const timer = this.#world.clock.after(limitMs, end);
      const forget = this.onChange(() => {
        if (this.#synced || this.#closed) end();
      });
      if (this.#synced || this.#closed) end();
    });
  }

  /** Follows no more; what is known stays. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connected = false;
    this.#timer?.cancel();
    this.#watch?.close();
    this.#tell();
    this.#listeners.clear();
  }

  async #list(): Promise<void> {
    try {
      const listing = await this.#store.list(this.#kind.prefix, { deadlineMs: listDeadlineMs });
      if (this.#closed) return;
      this.#attempt = 0;
      this.#replace(listing.entries);
      this.#synced = true;
      this.#connected = true;
      this.#follow(listing.revision);
      this.#tell();
    } catch (error) {
      if (!(error instanceof TopologyError)) throw error;
      this.#again(error);
    }
  }

  #again(error: TopologyError): void {
    if (this.#closed || error.code === 'closed') return;
    this.#world.telemetry.log.warn('cannot read the topology, will try again', {
      prefix: this.#kind.prefix,
      code: error.code,
      error: error.message,
    });
    const pauseMs = backoffMs(this.#attempt, this.#world.random, pauses);
    this.#attempt += 1;
    this.#timer = this.#world.clock.after(pauseMs, () => void this.#list());
  }

  #follow(after: Revision): void {
    this.#watch = this.#store.watch(this.#kind.prefix, after, {
      changed: (changes) => {
        for (const change of changes) this.#apply(change);
        if (changes.length > 0) this.#tell();
      },
      connected: (yes) => this.#setConnected(yes),
      ended: (error) => {
        this.#setConnected(false);
        this.#again(error);
      },
    });
  }

  #setConnected(yes: boolean): void {
    if (this.#connected === yes || this.#closed) return;
    this.#connected = yes;
    this.#tell();
  }

  #replace(entries: readonly Entry[]): void {
    const present = new Set(entries.map((entry) => this.#nameOf(entry.key)));
    for (const name of this.#records.keys()) if (!present.has(name)) this.#records.delete(name);
    for (const entry of entries) this.#put(entry);
  }

  #apply(change: Change): void {
    if (change.kind === 'put') this.#put(change.entry);
    else this.#records.delete(this.#nameOf(change.key));
  }

  #put(entry: Entry): void {
    try {
      this.#records.set(this.#nameOf(entry.key), fromBinary(this.#kind.schema, entry.value));
    } catch (error) {
      const { log } = this.#world.telemetry;
      log.warn('a record in the topology cannot be read', { key: entry.key, error: String(error) });
    }
  }

  #nameOf(key: string): string {
    assert(key.startsWith(this.#kind.prefix), 'a store answers only keys with the prefix that was asked for');
    return key.slice(this.#kind.prefix.length);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
