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
import { malformedRequest } from './errors.ts';

/** What a handler knows about its call. */
export interface CallContext {
  /** `world.clock.nowMs()` at which the caller stops waiting; undefined for a stream that lasts as long as both want. */
  readonly deadlineAtMs: number | undefined;
  /** The caller has gone, its deadline has passed, or the server is closing: nobody will read the answer. */
  readonly cancelled: boolean;
  /** Runs once, when `cancelled` turns true; in a later turn if it already is. Answers a function that withdraws it. */
  onCancel(run: () => void): () => void;
  /** The other end, for logs. */
  readonly remote: string;
}

/** Answers one message, or rejects with a PgError, which travels to the caller whole. */
export type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => Promise<MessageInitShape<O>>;

/**
 * Answers many messages. Each is asked for when the caller has room for it: a slow reader slows the handler down, nothing piles up. On
 * cancellation the iterator is returned; a handler that waits must also wake up by `context.onCancel`.
 */
export type StreamHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => AsyncIterable<MessageInitShape<O>>;

/** The handler that a method of a generated service needs. */
export type MethodHandler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? UnaryHandler<I, O>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? StreamHandler<I, O>
      : never;

/** One handler for each method of a generated service. */
export type Implementation<S extends DescService> = {
  readonly [K in keyof S['method']]: MethodHandler<S['method'][K]>;
};

/** A method as transports see it: bytes in, bytes out. */
export type ServedMethod =
  | {
      readonly kind: 'unary';
      /** `/package.Service/Method`, as in gRPC. */
      readonly path: string;
      run(request: Uint8Array, context: CallContext): Promise<Uint8Array>;
    }
  | {
      readonly kind: 'serverStream';
      readonly path: string;
      run(request: Uint8Array, context: CallContext): AsyncIterable<Uint8Array>;
    };

/** An implemented service, ready for `RpcTransport.serve`. */
export interface ServedService {
  readonly typeName: string;
  readonly methods: readonly ServedMethod[];
}

/** `/package.Service/Method`: how a method is named on the wire (gRPC over HTTP2, "Requests"). */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Binds handlers to a generated service. */
export function served<S extends DescService>(service: S, implementation: Implementation<S>): ServedService {
  const methods: ServedMethod[] = [];
  for (const method of service.methods) {
    const handler = implementation[method.localName as keyof S['method']] as unknown;
    if (method.methodKind === 'unary') methods.push(servedUnary(method, handler as ErasedUnary));
    if (method.methodKind === 'server_streaming') methods.push(servedStream(method, handler as ErasedStream));
  }
  return { typeName: service.typeName, methods };
}

type ErasedUnary = UnaryHandler<DescMessage, DescMessage>;
type ErasedStream = StreamHandler<DescMessage, DescMessage>;

function servedUnary(method: DescMethod, handler: ErasedUnary): ServedMethod {
  return {
    kind: 'unary',
    path: methodPath(method),
    async run(request, context) {
      const answer = await handler(decodeRequest(method, request), context);
      return toBinary(method.output, create(method.output, answer));
    },
  };
}

function servedStream(method: DescMethod, handler: ErasedStream): ServedMethod {
  return {
    kind: 'serverStream',
    path: methodPath(method),
    async *run(request, context) {
      for await (const answer of handler(decodeRequest(method, request), context)) {
        yield toBinary(method.output, create(method.output, answer));
      }
    },
  };
}

function decodeRequest(method: DescMethod, request: Uint8Array): MessageShape<DescMessage> {
  try {
    return fromBinary(method.input, request);
  } catch (error) {
    throw malformedRequest(methodPath(method), error);
  }
}
