import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { malformedAnswer } from './errors.ts';
import { methodPath } from './service.ts';
import type { RpcChannel, RpcStream, StreamOptions, UnaryOptions } from './transport.ts';

type ClientMethod<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options: UnaryOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options: StreamOptions) => RpcStream<MessageShape<O>>
      : never;

/** The methods of a generated service as functions. All fail with PgError; see `RpcTransport` for fates. */
export type RpcClient<S extends DescService> = { readonly [K in keyof S['method']]: ClientMethod<S['method'][K]> };

/** `client(PoolerService, channel).getStatus({}, { deadlineMs: 1000 })`. */
export function client<S extends DescService>(service: S, channel: RpcChannel): RpcClient<S> {
  const methods: Record<string, unknown> = {};
  for (const method of service.methods) {
    if (method.methodKind === 'unary') methods[method.localName] = unaryOf(method, channel);
    if (method.methodKind === 'server_streaming') methods[method.localName] = streamOf(method, channel);
  }
  return methods as RpcClient<S>;
}

function unaryOf(method: DescMethod, channel: RpcChannel): ClientMethod<DescMethodUnary> {
  return async (request, options) => decode(method, await channel.unary(method, encode(method, request), options));
}

function streamOf(method: DescMethod, channel: RpcChannel): ClientMethod<DescMethodServerStreaming> {
  return (request, options) => {
    const stream = channel.serverStream(method, encode(method, request), options);
    return new DecodedStream(method, stream);
  };
}

class DecodedStream implements RpcStream<MessageShape<DescMessage>> {
  readonly #method: DescMethod;
  readonly #bytes: RpcStream<Uint8Array>;

  constructor(method: DescMethod, bytes: RpcStream<Uint8Array>) {
    this.#method = method;
    this.#bytes = bytes;
  }

  async next(): Promise<IteratorResult<MessageShape<DescMessage>, undefined>> {
    const item = await this.#bytes.next();
    if (item.done === true) return { done: true, value: undefined };
    try {
      return { done: false, value: decode(this.#method, item.value) };
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  cancel(): void {
    this.#bytes.cancel();
  }

  [Symbol.asyncIterator](): AsyncIterator<MessageShape<DescMessage>, undefined> {
    return iteratorOf(this);
  }
}

/** The iterator of a stream: leaving the loop early cancels. */
export function iteratorOf<T>(stream: RpcStream<T>): AsyncIterator<T, undefined> {
  return {
    next: () => stream.next(),
    return: () => {
      stream.cancel();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
}

function encode(method: DescMethod, request: MessageInitShape<DescMessage>): Uint8Array {
  return toBinary(method.input, create(method.input, request));
}

function decode(method: DescMethod, answer: Uint8Array): MessageShape<DescMessage> {
  try {
    return fromBinary(method.output, answer);
  } catch (error) {
    throw malformedAnswer(method, methodPath(method), error);
  }
}
