import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { backoffMs, type Timer } from '@multigres/core';
import type { RecordKind } from './record-kind.ts';
import type { RecordViewWorld } from './record-view.ts';
import { TopologyError, type Lease, type Store } from './store.ts';

export interface RegistrationOptions {
  /** How long the record outlives its component. Default 10 s. */
  readonly leaseTtlMs?: number;
}

const leaseTtlMsDefault = 10_000;
const callDeadlineMs = 3000;
const pauses = { firstMs: 100, lastMs: 3000 } as const;

/**
 * A record that is in the store as long as its component lives and the store can be reached: bound to a lease, written again whenever the lease
 * was lost. A component does not wait for it and does not stop without it.
 */
export class Registration<S extends DescMessage> {
  readonly #world: RecordViewWorld;
  readonly #store: Store;
  readonly #kind: RecordKind<S>;
  readonly #leaseTtlMs: number;
  readonly #listeners = new Set<() => void>();
  #record: MessageShape<S>;
  #lease: Lease | undefined;
  #registered = false;
  /** What was last written, to see that the record has changed meanwhile. */
  #written: MessageShape<S> | undefined;
  #writing = false;
  #attempt = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(
    world: RecordViewWorld,
    store: Store,
    kind: RecordKind<S>,
    record: MessageShape<S>,
    options: RegistrationOptions = {},
  ) {
    this.#world = world;
    this.#store = store;
    this.#kind = kind;
    this.#record = record;
    this.#leaseTtlMs = options.leaseTtlMs ?? leaseTtlMsDefault;
    void this.#write();
  }

  /** The record stands in the store, as far as we know. */
  get registered(): boolean {
    return this.#registered;
  }

  onChange(run: () => void): () => void {
    const listener = (): void => run();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the record stands in the store; answers false if that takes longer than `limitMs`. */
  whenRegistered(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        forget();
        resolve(this.#registered);
      };
      const timer = this.#world.clock.after(limitMs, end);
      const forget = this.onChange(() => {
        if (this.#registered || this.#closed) end();
      });
      if (this.#registered || this.#closed) end();
    });
  }

  /** The component has changed. Its name must stay the same. */
  update(record: MessageShape<S>): void {
    this.#record = record;
    this.#timer?.cancel();
    void this.#write();
  }

  /** Takes the record out; at the latest it goes with its lease. */
  async close(options: { readonly deadlineMs: number }): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.#lease?.revoke(options);
    this.#setRegistered(false);
    this.#listeners.clear();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (!this.#closed && (this.#written !== this.#record || !this.#registered)) await this.#writeOnce();
      this.#attempt = 0;
    } catch (error) {
      if (!(error instanceof TopologyError)) throw error;
      this.#again(error);
    } finally {
      this.#writing = false;
    }
  }

  async #writeOnce(): Promise<void> {
    const lease = this.#lease ?? (await this.#freshLease());
    if (this.#closed) {
      await lease.revoke({ deadlineMs: callDeadlineMs });
      return;
    }
    const record = this.#record;
    const key = this.#kind.prefix + this.#kind.name(record);
    await this.#store.put(key, toBinary(this.#kind.schema, record), { deadlineMs: callDeadlineMs, lease });
    this.#written = record;
    if (!lease.lost) this.#setRegistered(true);
  }

  async #freshLease(): Promise<Lease> {
    const lease = await this.#store.lease(this.#leaseTtlMs, { deadlineMs: callDeadlineMs });
    this.#lease = lease;
    lease.onLost(() => {
      if (this.#lease !== lease) return;
      this.#lease = undefined;
      this.#setRegistered(false);
      this.#world.telemetry.log.warn('the lease of a record was lost, registering again', {
        prefix: this.#kind.prefix,
      });
      void this.#write();
    });
    return lease;
  }

  #again(error: TopologyError): void {
    if (this.#closed || error.code === 'closed') return;
    if (error.code === 'leaseLost') this.#lease = undefined;
    this.#world.telemetry.log.warn('cannot register in the topology, will try again', {
      prefix: this.#kind.prefix,
      code: error.code,
      error: error.message,
    });
    const pauseMs = backoffMs(this.#attempt, this.#world.random, pauses);
    this.#attempt += 1;
    this.#timer = this.#world.clock.after(pauseMs, () => void this.#write());
  }

  #setRegistered(yes: boolean): void {
    if (this.#registered === yes) return;
    this.#registered = yes;
    for (const listener of this.#listeners) listener();
  }
}
