import type { Clock, Endpoint } from '@multigres/core';
import type {
  RpcChannel,
  RpcServer,
  RpcStream,
  RpcTransport,
  ServedService,
  StreamOptions,
  UnaryOptions,
} from '@multigres/rpc';
import type { RandomStream } from '../kernel/random-stream.ts';

type Method = Parameters<RpcChannel['unary']>[0];

/** What a god overhears, and how often a call comes twice. */
export interface CallEars {
  /** A call is about to leave; named as `MemberService.Recruit`. What it answers hears the call's own answer. */
  asked(method: string, request: Uint8Array): (response: Uint8Array) => void;
  /** Share of calls that reach the other side once more, later: what a network with retries does to calls that may be repeated. */
  readonly againShare: number;
}

/** DescMethod's option idempotency_level: NO_SIDE_EFFECTS or IDEMPOTENT. */
const mayComeTwice: ReadonlySet<number> = new Set([1, 2]);
const againMsMax = 4000;

/** The transport of a node, with a god's ears, and calls that come again when nobody expects them any more. */
export class HeardTransport implements RpcTransport {
  readonly #inner: RpcTransport;
  readonly #clock: Clock;
  readonly #random: RandomStream;
  readonly #ears: CallEars;

  constructor(inner: RpcTransport, clock: Clock, random: RandomStream, ears: CallEars) {
    this.#inner = inner;
    this.#clock = clock;
    this.#random = random;
    this.#ears = ears;
  }

  serve(endpoint: Endpoint, services: readonly ServedService[]): Promise<RpcServer> {
    return this.#inner.serve(endpoint, services);
  }

  connect(endpoint: Endpoint): RpcChannel {
    const inner = this.#inner.connect(endpoint);
    return {
      endpoint: inner.endpoint,
      unary: (method, request, options) => this.#unary(inner, method, request, options),
      serverStream: (method: Method, request: Uint8Array, options: StreamOptions): RpcStream<Uint8Array> =>
        inner.serverStream(method, request, options),
      close: () => inner.close(),
    };
  }

  async #unary(inner: RpcChannel, method: Method, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array> {
    const name = `${method.parent.name}.${method.name}`;
    const answered = this.#ears.asked(name, request);
    if (
      this.#ears.againShare > 0 &&
      mayComeTwice.has(method.idempotency) &&
      this.#random.chance(this.#ears.againShare)
    ) {
      this.#clock.after(1 + this.#random.below(againMsMax), () => {
        inner.unary(method, request, options).catch(() => undefined);
      });
    }
    const response = await inner.unary(method, request, options);
    answered(response);
    return response;
  }
}
