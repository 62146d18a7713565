import type { DescMethod } from '@bufbuild/protobuf';
import type { Endpoint } from '@multigres/core';
import type { ServedService } from './service.ts';

export interface UnaryOptions {
  /** From now, including the time to connect. Mandatory: nothing waits for ever. */
  readonly deadlineMs: number;
}

export interface StreamOptions {
  /** The longest silence while somebody waits for the next message, including the time to connect. */
  readonly idleMsMax: number;
}

/** Messages of a stream, in order, for one reader. Leaving a `for await` loop cancels it. */
export interface RpcStream<T> extends AsyncIterable<T> {
  /** Rejects with a PgError when the stream failed; after that, and after its end, answers `done`. */
  next(): Promise<IteratorResult<T, undefined>>;
  /** Gives it up: the handler at the other end is told, `next` answers `done`. Idempotent. */
  cancel(): void;
  [Symbol.asyncIterator](): AsyncIterator<T, undefined>;
}

/** A client's side: calls to one endpoint, multiplexed. Connects when first needed, and anew after a loss. */
export interface RpcChannel {
  readonly endpoint: Endpoint;
  unary(method: DescMethod, request: Uint8Array, options: UnaryOptions): Promise<Uint8Array>;
  serverStream(method: DescMethod, request: Uint8Array, options: StreamOptions): RpcStream<Uint8Array>;
  /** Calls that are under way fail. Idempotent. */
  close(): void;
}

export interface RpcServer {
  /** With the real port where 0 was asked for. */
  readonly endpoint: Endpoint;
  /**
   * Takes no new calls (they fail with 57P01, `notApplied`), ends streams, lets unary calls finish for `graceMs`, then drops them.
   * Resolves when the endpoint is free again. Idempotent.
   */
  close(options: { readonly graceMs: number }): Promise<void>;
}

/**
 * How roles talk to each other: gRPC in production, frames over the `Network` port elsewhere. It carries bytes; `client` and `served` add the
 * types.
 *
 * Contract (`contract/rpc-contract.ts`): a handler runs at most once per call; a call ends exactly once, with an answer or a PgError, by its
 * deadline; a PgError of a handler arrives with all its fields and its fate; a call that never left fails with 08001 and `notApplied`; one
 * whose connection broke, or whose deadline passed, fails with `unknown` unless its method is declared `NO_SIDE_EFFECTS`; messages of a stream
 * arrive in order, none lost before its end; a cancelled or abandoned call cancels its handler's context.
 */
export interface RpcTransport {
  /** Rejects with a NetworkError (`inUse`, `denied`, `limit`). */
  serve(endpoint: Endpoint, services: readonly ServedService[]): Promise<RpcServer>;
  /** Never fails: the first call does. */
  connect(endpoint: Endpoint): RpcChannel;
}
