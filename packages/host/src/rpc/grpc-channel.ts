import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import type { DescMethod } from '@bufbuild/protobuf';
import { formatEndpoint, PgError, type Clock, type Endpoint } from '@multigres/core';
import {
  callCancelled,
  channelClosed,
  deadlineExceeded,
  InboundStream,
  messageTooLarge,
  methodPath,
  streamSilent,
  unreachable,
  type RpcChannel,
  type RpcStream,
  type StreamOptions,
  type UnaryOptions,
} from '@multigres/rpc';
import { asBuffer, asBytes } from './grpc-bytes.ts';
import { channelOptions, grpcAddress, type GrpcLimits } from './grpc-options.ts';
import { whenReady } from './grpc-ready.ts';
import { pgErrorOf } from './grpc-status.ts';

/** Streams let this many messages travel ahead of their reader. */
const streamWindow = 32;

/** The client's side of the production transport. */
export class GrpcChannel implements RpcChannel {
  readonly endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #limits: GrpcLimits;
  readonly #client: Client;
  /** Ends each call that is under way. */
  readonly #calls = new Set<() => void>();
  #closed = false;

  constructor(clock: Clock, limits: GrpcLimits, endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.#clock = clock;
    this.#limits = limits;
    this.#client = new Client(grpcAddress(endpoint), credentials.createInsecure(), channelOptions(limits));
  }

  unary(method: DescMethod, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    const path = methodPath(method);
    return new Promise((resolve, reject) => {
      let abort: (() => void) | undefined;
      let ended = false;
      const end = (settle: () => void): void => {
        if (ended) return;
        ended = true;
        timer.cancel();
        this.#calls.delete(closed);
        settle();
        abort?.();
      };
      const closed = (): void => end(() => reject(callCancelled(method, path)));
      const timer = this.#clock.after(options.deadlineMs, () =>
        end(() => reject(deadlineExceeded(method, path, abort !== undefined))),
      );
      this.#calls.add(closed);
      const start = (): void => {
        if (ended) return;
        const deadline = Date.now() + options.deadlineMs;
        const call = this.#client.makeUnaryRequest(path, asBuffer, asBytes, request, { deadline }, (error, answer) =>
          end(() => (error === null ? resolve(answer as Uint8Array) : reject(pgErrorOf(method, error)))),
        );
        abort = (): void => call.cancel();
      };
      this.#whenReady(path, request, options.deadlineMs).then(start, (error: unknown) => end(() => reject(error)));
    });
  }

  serverStream(method: DescMethod, request: Uint8Array, options: StreamOptions): RpcStream<Uint8Array> {
    const path = methodPath(method);
    let abort: (() => void) | undefined;
    let over = false;
    let waiting = 0;
    let resume: (() => void) | undefined;
    const finish = (error?: PgError): void => {
      over = true;
      this.#calls.delete(closed);
      stream.finish(error);
    };
    const stream = new InboundStream({
      clock: this.#clock,
      itemsMax: 2 * streamWindow,
      idleMsMax: options.idleMsMax,
      silent: () => streamSilent(path, options.idleMsMax),
      taken: () => {
        waiting -= 1;
        if (waiting < streamWindow / 2) resume?.();
      },
      cancelled: () => {
        over = true;
        this.#calls.delete(closed);
        abort?.();
      },
    });
    const closed = (): void => {
      finish(callCancelled(method, path));
      abort?.();
    };
    this.#calls.add(closed);
    const start = (): void => {
      if (over) return;
      const call = this.#client.makeServerStreamRequest(path, asBuffer, asBytes, request);
      abort = (): void => call.cancel();
      resume = (): void => void call.resume();
      call.on('data', (message: Uint8Array) => {
        waiting += 1;
        if (waiting >= streamWindow) call.pause();
        stream.offer(message);
      });
      call.on('end', () => finish());
      call.on('error', (error: ServiceError) => finish(pgErrorOf(method, error)));
    };
    this.#whenReady(path, request, options.idleMsMax).then(start, (error: PgError) => finish(error));
    return stream;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of this.#calls) end();
    this.#client.close();
  }

  /**
   * Resolves once there is a connection. Without this step a call that never left could not be told from one whose connection broke:
   * grpc-js answers UNAVAILABLE to both.
   */
  async #whenReady(path: string, request: Uint8Array, limitMs: number): Promise<void> {
    if (this.#closed) throw channelClosed(path);
    if (request.length > this.#limits.messageBytesMax) {
      throw messageTooLarge(path, request.length, this.#limits.messageBytesMax, 'notApplied');
    }
    const readiness = await whenReady(this.#client, limitMs);
    if (this.#closed || readiness === 'closed') throw channelClosed(path);
    if (readiness !== 'ready') throw unreachable(path, formatEndpoint(this.endpoint), undefined);
  }
}
