import { Client, credentials, Metadata, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { Clock, Endpoint } from '@multigres/core';
import { methodPath } from '@multigres/rpc';
import { closedError, refused, timedOut, type TopologyError } from '@multigres/topology';
import { asBuffer, asBytes } from '../rpc/grpc-bytes.ts';
import { channelOptions, grpcAddress, grpcLimits, type GrpcLimits } from '../rpc/grpc-options.ts';
import { whenReady } from '../rpc/grpc-ready.ts';
import { etcdError } from './etcd-errors.ts';

/** A listing is one message. etcd counts more than one ping in five seconds as an attack and hangs up. */
const limits: GrpcLimits = {
  ...grpcLimits,
  messageBytesMax: 64 * 1024 * 1024,
  keepaliveMs: 6000,
  keepaliveAnswerMsMax: 2000,
};

export interface EtcdCallOptions {
  readonly deadlineMs: number;
  /** Whether it may change something: decides the fate of a call that was lost. */
  readonly kind: 'read' | 'change';
}

/** Calls to the members of one etcd cluster: always to one, to the next when it does not answer. */
export class EtcdClient {
  readonly #clock: Clock;
  readonly #members: readonly Client[];
  readonly #pending = new Set<(error: TopologyError) => void>();
  #current = 0;
  #closed = false;

  constructor(clock: Clock, endpoints: readonly Endpoint[]) {
    this.#clock = clock;
    this.#members = endpoints.map(
      (endpoint) => new Client(grpcAddress(endpoint), credentials.createInsecure(), channelOptions(limits)),
    );
  }

  /** Rejects with a TopologyError, by the deadline. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: EtcdCallOptions,
  ): Promise<MessageShape<O>> {
    return this.#limited(options, (member, settle) => {
      const bytes = toBinary(method.input, create(method.input, request));
      const deadline = Date.now() + options.deadlineMs;
      const call = member.makeUnaryRequest(
        methodPath(method),
        asBuffer,
        asBytes,
        bytes,
        withLeader(),
        { deadline },
        (error, answer) => {
          if (error === null) settle.resolve(fromBinary(method.output, answer as Uint8Array));
          else settle.reject(error);
        },
      );
      return () => call.cancel();
    });
  }

  /** One request and its first answer on a stream of their own. Rejects with a TopologyError, by the deadline. */
  exchange<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    request: MessageInitShape<I>,
    options: EtcdCallOptions,
  ): Promise<MessageShape<O>> {
    return this.#limited(options, (member, settle) => {
      const stream = openStream(member, method);
      stream.on('data', (answer) => settle.resolve(answer));
      stream.on('error', (error: ServiceError) => settle.reject(error));
      stream.on('end', () => settle.reject(undefined));
      stream.write(create(method.input, request));
      return () => stream.cancel();
    });
  }

  /** A stream to a member that is connected; undefined if none is within `limitMs`. */
  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    limitMs: number,
  ): Promise<ClientDuplexStream<MessageShape<I>, MessageShape<O>> | undefined> {
    const member = await this.#member(limitMs);
    return typeof member === 'string' || this.#closed ? undefined : openStream(member, method);
  }

  /** The current member is of no use: the next call goes to the next one. */
  rotate(): void {
    this.#current = (this.#current + 1) % this.#members.length;
  }

  /** Calls under way fail with `closed`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fail of this.#pending) fail(closedError());
    for (const member of this.#members) member.close();
  }

  /** Finds a member, starts the call there, and settles once: by its answer, by the deadline or by `close`. */
  #limited<T>(options: EtcdCallOptions, start: (member: Client, settle: Settle<T>) => () => void): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      let abort: (() => void) | undefined;
      let over = false;
      const end = (run: () => void): void => {
        if (over) return;
        over = true;
        timer.cancel();
        this.#pending.delete(fail);
        run();
        abort?.();
      };
      const fail = (error: TopologyError): void => end(() => reject(error));
      const timer = this.#clock.after(options.deadlineMs, () => {
        this.rotate();
        fail(timedOut(abort === undefined ? 'read' : options.kind));
      });
      this.#pending.add(fail);
      const settle: Settle<T> = {
        resolve: (answer) => end(() => resolve(answer)),
        reject: (error) => {
          const failure = error === undefined ? refused() : etcdError(error, options.kind);
          if (failure.code === 'unavailable') this.rotate();
          fail(failure);
        },
      };
      void this.#member(options.deadlineMs).then((member) => {
        if (over) return;
        if (typeof member === 'string') fail(member === 'refused' ? refused() : timedOut('read'));
        else abort = start(member, settle);
      });
    });
  }

  /** A member with a connection, tried in turn within `limitMs`. */
  async #member(limitMs: number): Promise<Client | 'refused' | 'timeout'> {
    const startMs = this.#clock.nowMs();
    let last: 'refused' | 'timeout' = 'refused';
    for (let left = this.#members.length; left > 0; left--) {
      const member = this.#members[this.#current] as Client;
      const remainingMs = limitMs - (this.#clock.nowMs() - startMs);
      const readiness = await whenReady(member, remainingMs / left);
      if (readiness === 'ready') return member;
      if (readiness === 'timeout') last = 'timeout';
      // Somebody else may have moved on already.
      if (this.#members[this.#current] === member) this.rotate();
    }
    return last;
  }
}

interface Settle<T> {
  resolve(answer: T): void;
  /** undefined: the stream ended without a word. */
  reject(error: ServiceError | undefined): void;
}

/** etcd then refuses at once when its member has lost the others, instead of making us wait (etcd's client, `WithRequireLeader`). */
function withLeader(): Metadata {
  const metadata = new Metadata();
  metadata.set('hasleader', 'true');
  return metadata;
}

function openStream<I extends DescMessage, O extends DescMessage>(
  member: Client,
  method: DescMethodBiDiStreaming<I, O>,
): ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
  const stream = member.makeBidiStreamRequest(
    methodPath(method),
    (request: MessageShape<I>) => asBuffer(toBinary(method.input, request)),
    (bytes) => fromBinary(method.output, bytes),
    withLeader(),
  );
  // A stream that is cancelled before anybody listens still reports it, and an error that nobody hears ends the process.
  stream.on('error', () => {});
  return stream;
}
