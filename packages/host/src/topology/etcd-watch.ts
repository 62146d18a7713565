import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { create } from '@bufbuild/protobuf';
import { backoffMs, utf8Text, type Clock, type Random, type Timer } from '@multigres/core';
import {
  compacted,
  TopologyError,
  type Change,
  type Revision,
  type Watch,
  type WatchListener,
} from '@multigres/topology';
import type { EtcdClient } from './etcd-client.ts';
import {
  Event_EventType,
  KV,
  Watch as WatchService,
  WatchRequestSchema,
  type Event,
  type WatchRequest,
  type WatchResponse,
} from './gen/etcdserverpb/rpc_pb.ts';

export interface EtcdWatchOptions {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly random: Random;
  /** First and last key, the latter exclusive. */
  readonly from: Uint8Array;
  readonly below: Uint8Array;
  readonly rootLength: number;
  readonly after: Revision;
  readonly listener: WatchListener;
  readonly closed: () => void;
}

type Stream = ClientDuplexStream<WatchRequest, WatchResponse>;

/** How often we ask whether the member is still there; it must have answered before we ask again. */
const heartbeatMs = 5000;
const connectMsMax = 2000;
const pauses = { firstMs: 50, lastMs: 1000 } as const;

/** One watch on a stream of its own, opened again from the last revision whenever it breaks or falls silent. */
export class EtcdWatch implements Watch {
  readonly #options: EtcdWatchOptions;
  #after: Revision;
  #stream: Stream | undefined;
  #timer: Timer | undefined;
  #heard = false;
  #connected = false;
  #attempt = 0;
  #closed = false;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
    this.#after = options.after;
    void this.#open();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
    this.#options.closed();
  }

  async #open(): Promise<void> {
    const { client, from, below } = this.#options;
    const stream = await client.stream(WatchService.method.watch, connectMsMax);
    if (this.#closed) stream?.cancel();
    if (this.#closed) return;
    if (stream === undefined) {
      this.#again();
      return;
    }
    this.#stream = stream;
    stream.on('data', (response) => this.#response(stream, response));
    stream.on('error', (error: ServiceError) => this.#broken(stream, error));
    stream.on('end', () => this.#broken(stream));
    const value = { key: from, rangeEnd: below, startRevision: this.#after + 1n };
    stream.write(create(WatchRequestSchema, { request: { case: 'createRequest', value } }));
    this.#heard = true;
    this.#beat(stream);
  }

  #beat(stream: Stream): void {
    this.#timer = this.#options.clock.after(heartbeatMs, () => {
      if (!this.#heard) {
        this.#broken(stream);
        return;
      }
      this.#heard = false;
      stream.write(create(WatchRequestSchema, { request: { case: 'progressRequest', value: {} } }));
      this.#beat(stream);
    });
  }

  #response(stream: Stream, response: WatchResponse): void {
    if (this.#closed || this.#stream !== stream) return;
    this.#heard = true;
    const current = (response.header?.revision ?? 0n) as Revision;
    if (response.created && current < this.#after) {
      void this.#older(stream);
    } else if (response.compactRevision > 0n) {
      this.#end(compacted(this.#after));
    } else if (response.canceled) {
      this.#canceled(stream, response.cancelReason);
    } else {
      if (response.created) this.#setConnected(true);
      if (response.events.length > 0) this.#events(response.events);
    }
  }

  /**
   * The member is older than what we have seen. It lags behind the others, and another one, or it later, will do; or etcd was set back to a backup,
   * and only a fresh listing is right. A linearizable read tells (etcd documentation, "KV API guarantees").
   */
  async #older(stream: Stream): Promise<void> {
    this.#stream = undefined;
    this.#timer?.cancel();
    stream.cancel();
    const { client, from } = this.#options;
    const read = client.unary(KV.method.range, { key: from }, { deadlineMs: connectMsMax, kind: 'read' });
    const revision = await read.then(
      ({ header }) => header?.revision ?? 0n,
      () => undefined,
    );
    if (this.#closed) return;
    if (revision !== undefined && revision < this.#after) {
      this.#end(compacted(this.#after));
      return;
    }
    client.rotate();
    this.#again();
  }

  /** Only a revision that came with events is remembered: etcd before 3.5.8 could report progress ahead of the events it covers. */
  #events(events: readonly Event[]): void {
    this.#attempt = 0;
    const changes = events.map((event) => this.#change(event));
    const last = changes.at(-1) as Change;
    this.#after = last.kind === 'put' ? last.entry.version : last.version;
    this.#options.listener.changed(changes, this.#after);
  }

  #change(event: Event): Change {
    const key = utf8Text(event.kv?.key ?? new Uint8Array()).slice(this.#options.rootLength);
    const version = (event.kv?.modRevision ?? 0n) as Revision;
    if (event.type === Event_EventType.DELETE) return { kind: 'delete', key, version };
    return { kind: 'put', entry: { key, value: event.kv?.value ?? new Uint8Array(), version } };
  }

  #canceled(stream: Stream, reason: string): void {
    if (/permission denied|invalid auth token/i.test(reason))
      this.#end(new TopologyError('denied', reason, 'notApplied'));
    else this.#broken(stream);
  }

  #broken(stream: Stream, _error?: ServiceError): void {
    if (this.#closed || this.#stream !== stream) return;
    this.#stream = undefined;
    this.#timer?.cancel();
    stream.cancel();
    this.#options.client.rotate();
    this.#setConnected(false);
    this.#again();
  }

  #again(): void {
    if (this.#closed) return;
    const pauseMs = backoffMs(this.#attempt, this.#options.random, pauses);
    this.#attempt += 1;
    this.#timer = this.#options.clock.after(pauseMs, () => void this.#open());
  }

  #end(error: TopologyError): void {
    this.close();
    this.#options.listener.ended(error);
  }

  #setConnected(yes: boolean): void {
    if (this.#connected === yes) return;
    this.#connected = yes;
    if (yes) this.#attempt = 0;
    this.#options.listener.connected(yes);
  }
}
