import { assert, BoundedQueue, type Clock, type PgError, type Timer } from '@multigres/core';
import { iteratorOf } from './client.ts';
import type { RpcStream } from './transport.ts';

export interface InboundStreamOptions {
  readonly clock: Clock;
  /** Messages that may wait for the reader; the transport must not offer more than it was told are taken. */
  readonly itemsMax: number;
  /** The longest silence while the reader waits. */
  readonly idleMsMax: number;
  /** Makes the error for a silence that was too long. */
  readonly silent: () => PgError;
  /** The reader took a message: there is room for one more. */
  readonly taken: () => void;
  /** The reader gave up, or waited too long: tell the other end. */
  readonly cancelled: () => void;
}

type Waiter = {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: PgError) => void;
  readonly timer: Timer;
};

const done: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

/** The reading end of a server stream, the same for every transport: a bounded queue between arrivals and one reader. */
export class InboundStream implements RpcStream<Uint8Array> {
  readonly #options: InboundStreamOptions;
  readonly #arrived: BoundedQueue<Uint8Array>;
  #waiter: Waiter | undefined;
  /** `failed` is told to the reader once, after what arrived before it. */
  #state: { kind: 'open' } | { kind: 'failed'; error: PgError } | { kind: 'ended' } = { kind: 'open' };

  constructor(options: InboundStreamOptions) {
    this.#options = options;
    this.#arrived = new BoundedQueue(options.itemsMax);
  }

  /** A message arrived. Answers false if the other end sent more than it was allowed to. */
  offer(message: Uint8Array): boolean {
    if (this.#state.kind !== 'open') return true;
    const waiter = this.#takeWaiter();
    if (waiter === undefined) return this.#arrived.offer(message) === 'queued';
    this.#options.taken();
    waiter.resolve({ done: false, value: message });
    return true;
  }

  /** The last thing that happens: an orderly end, or a failure. */
  finish(error?: PgError): void {
    if (this.#state.kind !== 'open') return;
    const waiter = this.#takeWaiter();
    this.#state = error === undefined || waiter !== undefined ? { kind: 'ended' } : { kind: 'failed', error };
    if (error === undefined) waiter?.resolve(done);
    else waiter?.reject(error);
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    assert(this.#waiter === undefined, 'a stream has one reader');
    const message = this.#arrived.take();
    if (message !== undefined) {
      if (this.#state.kind === 'open') this.#options.taken();
      return Promise.resolve({ done: false, value: message });
    }
    const state = this.#state;
    if (state.kind === 'ended') return Promise.resolve(done);
    if (state.kind === 'failed') {
      this.#state = { kind: 'ended' };
      return Promise.reject(state.error);
    }
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(this.#options.idleMsMax, () => this.#tooSilent());
      this.#waiter = { resolve, reject, timer };
    });
  }

  cancel(): void {
    const wasOpen = this.#state.kind === 'open';
    this.#state = { kind: 'ended' };
    this.#arrived.remove(() => true);
    this.#takeWaiter()?.resolve(done);
    if (wasOpen) this.#options.cancelled();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return iteratorOf(this);
  }

  #tooSilent(): void {
    this.finish(this.#options.silent());
    this.#options.cancelled();
  }

  #takeWaiter(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.timer.cancel();
    return waiter;
  }
}
