import type { DescMethod } from '@bufbuild/protobuf';
import {
  formatEndpoint,
  type Clock,
  type Endpoint,
  type Network,
  type NetworkError,
  type PgError,
  type Timer,
} from '@multigres/core';
import {
  callCancelled,
  channelClosed,
  connectionLost,
  deadlineExceeded,
  malformedFrame,
  messageTooLarge,
  streamSilent,
  tooManyCalls,
  unreachable,
} from '../errors.ts';
import { InboundStream } from '../inbound-stream.ts';
import { methodPath } from '../service.ts';
import { errorOfStatus } from '../status.ts';
import type { RpcChannel, RpcStream, StreamOptions, UnaryOptions } from '../transport.ts';
import { encodeCredit, encodeOpen, frameKind, type Frame } from './frame.ts';
import { Link } from './link.ts';
import type { NetworkTransportLimits } from './network-transport.ts';

/** One call, seen from the client. Exactly one of `failed` and `ended` is called. */
interface Call {
  readonly method: DescMethod;
  readonly request: Uint8Array;
  readonly credit: number;
  readonly deadlineAtMs: number | undefined;
  sent: boolean;
  /** False: more than was allowed. */
  message(body: Uint8Array): boolean;
  ended(): void;
  failed(error: PgError): void;
}

/** Streams let this many messages travel ahead of their reader. */
const streamWindow = 32;

/** The client's side of the transport over the `Network` port. */
export class NetworkChannel implements RpcChannel {
  readonly endpoint: Endpoint;
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #limits: NetworkTransportLimits;
  readonly #calls = new Map<number, Call>();
  #link: Link | undefined;
  #connecting = false;
  #lastCall = 0;
  #closed = false;

  constructor(network: Network, clock: Clock, limits: NetworkTransportLimits, endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.#network = network;
    this.#clock = clock;
    this.#limits = limits;
  }

  unary(method: DescMethod, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let answer: Uint8Array | undefined;
      let timer: Timer | undefined;
      const call: Call = {
        method,
        request,
        credit: 1,
        deadlineAtMs: this.#clock.nowMs() + options.deadlineMs,
        sent: false,
        message: (body) => {
          if (answer !== undefined) return false;
          answer = body;
          return true;
        },
        ended: () => {
          timer?.cancel();
          if (answer === undefined) reject(malformedFrame('an end without an answer'));
          else resolve(answer);
        },
        failed: (error) => {
          timer?.cancel();
          reject(error);
        },
      };
      const id = this.#start(call);
      if (id === undefined) return;
      timer = this.#clock.after(options.deadlineMs, () => {
        this.#giveUp(id, deadlineExceeded(method, methodPath(method), call.sent));
        this.#link?.suspect();
      });
    });
  }

  serverStream(method: DescMethod, request: Uint8Array, options: StreamOptions): RpcStream<Uint8Array> {
    const path = methodPath(method);
    let taken = 0;
    let id: number | undefined;
    const stream = new InboundStream({
      clock: this.#clock,
      itemsMax: streamWindow,
      idleMsMax: options.idleMsMax,
      silent: () => {
        this.#link?.suspect();
        return streamSilent(path, options.idleMsMax);
      },
      cancelled: () => {
        if (id !== undefined) this.#giveUp(id, callCancelled(method, path));
      },
      taken: () => {
        taken += 1;
        if (taken < streamWindow / 2 || id === undefined) return;
        this.#link?.send(frameKind.credit, id, encodeCredit(taken));
        taken = 0;
      },
    });
    id = this.#start({
      method,
      request,
      credit: streamWindow,
      deadlineAtMs: undefined,
      sent: false,
      message: (body) => stream.offer(body),
      ended: () => stream.finish(),
      failed: (error) => stream.finish(error),
    });
    return stream;
  }

  close(): void {
    this.#closed = true;
    this.#failAll((call) => callCancelled(call.method, methodPath(call.method)));
    this.#link?.end();
    this.#link = undefined;
  }

  #start(call: Call): number | undefined {
    const refusal = this.#refusal(call);
    if (refusal !== undefined) {
      call.failed(refusal);
      return undefined;
    }
    const id = this.#freshId();
    this.#calls.set(id, call);
    if (this.#link === undefined) void this.#connect();
    else this.#send(this.#link, id, call);
    return id;
  }

  #freshId(): number {
    do this.#lastCall = (this.#lastCall % 0xffff_ffff) + 1;
    while (this.#calls.has(this.#lastCall));
    return this.#lastCall;
  }

  #refusal(call: Call): PgError | undefined {
    const path = methodPath(call.method);
    if (this.#closed) return channelClosed(path);
    if (this.#calls.size >= this.#limits.callsMax) return tooManyCalls(this.#limits.callsMax);
    if (call.request.length <= this.#limits.messageBytesMax) return undefined;
    return messageTooLarge(path, call.request.length, this.#limits.messageBytesMax, 'notApplied');
  }

  #send(link: Link, id: number, call: Call): void {
    const remainingMs = call.deadlineAtMs === undefined ? undefined : call.deadlineAtMs - this.#clock.nowMs();
    const open = { deadlineMs: remainingMs, credit: call.credit, path: methodPath(call.method), request: call.request };
    link.send(frameKind.open, id, encodeOpen(open));
    call.sent = true;
    link.watch(true);
  }

  async #connect(): Promise<void> {
    if (this.#connecting) return;
    this.#connecting = true;
    try {
      const connection = await this.#network.connect(this.endpoint, { timeoutMs: this.#limits.connectMsMax });
      const link: Link = new Link(connection, this.#clock, this.#limits, {
        frame: (frame) => this.#frame(link, frame),
        closed: (error) => this.#lost(link, error),
      });
      if (this.#calls.size === 0 || this.#closed) {
        link.end();
        return;
      }
      this.#link = link;
      for (const [id, call] of this.#calls) this.#send(link, id, call);
    } catch (error) {
      const remote = formatEndpoint(this.endpoint);
      this.#failAll((call) => unreachable(methodPath(call.method), remote, error));
    } finally {
      this.#connecting = false;
    }
  }

  #frame(link: Link, frame: Frame): void {
    const call = this.#calls.get(frame.call);
    // An answer to a call that was given up meanwhile.
    if (call === undefined) return;
    switch (frame.kind) {
      case frameKind.message:
        if (!call.message(frame.body)) link.destroy();
        return;
      case frameKind.end:
        this.#forget(frame.call);
        call.ended();
        return;
      case frameKind.failed: {
        this.#forget(frame.call);
        const status = { code: frame.body[0] ?? 2, message: '', details: frame.body.subarray(1) };
        call.failed(errorOfStatus(call.method, status));
        return;
      }
      default:
        link.destroy();
    }
  }

  #lost(link: Link, error: NetworkError | undefined): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#failAll((call) => connectionLost(call.method, methodPath(call.method), error));
  }

  #giveUp(id: number, error: PgError): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    if (call.sent) this.#link?.send(frameKind.cancel, id);
    this.#forget(id);
    call.failed(error);
  }

  #forget(id: number): void {
    this.#calls.delete(id);
    if (this.#calls.size === 0) this.#link?.watch(false);
  }

  #failAll(error: (call: Call) => PgError): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#link?.watch(false);
    for (const call of calls) call.failed(error(call));
  }
}
