import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { AssertionFailed, NetworkError, type Clock, type Endpoint } from '@multigres/core';
import {
  CallScope,
  messageTooLarge,
  serverClosing,
  type RpcServer,
  type ServedMethod,
  type ServedService,
} from '@multigres/rpc';
import { asBuffer } from './grpc-bytes.ts';
import { grpcAddress, serverOptions, type GrpcLimits } from './grpc-options.ts';
import { grpcStatusOf } from './grpc-status.ts';

type UnaryCall = ServerUnaryCall<Uint8Array, Uint8Array>;
type StreamCall = ServerWritableStream<Uint8Array, Uint8Array>;

/** The server's side of the production transport: any gRPC client can call it. */
export class GrpcServer implements RpcServer {
  readonly #clock: Clock;
  readonly #limits: GrpcLimits;
  readonly #server: Server;
  /** Ends each open stream with an error. */
  readonly #streams = new Set<(error: Error) => void>();
  readonly #scopes = new Set<CallScope>();
  #endpoint: Endpoint | undefined;
  #closing: Promise<void> | undefined;

  constructor(clock: Clock, limits: GrpcLimits, services: readonly ServedService[]) {
    this.#clock = clock;
    this.#limits = limits;
    this.#server = new Server(serverOptions(limits));
    for (const service of services) this.#add(service);
  }

  get endpoint(): Endpoint {
    return this.#endpoint as Endpoint;
  }

  /** Rejects with a NetworkError. */
  listen(endpoint: Endpoint): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(grpcAddress(endpoint), ServerCredentials.createInsecure(), (error, port) => {
        if (error !== null) {
          this.#server.forceShutdown();
          reject(listenError(error));
          return;
        }
        this.#endpoint = endpoint.kind === 'tcp' ? { ...endpoint, port } : endpoint;
        resolve();
      });
    });
  }

  close(options: { readonly graceMs: number }): Promise<void> {
    this.#closing ??= this.#close(options.graceMs);
    return this.#closing;
  }

  #close(graceMs: number): Promise<void> {
    for (const fail of this.#streams) fail(serverClosing());
    return new Promise((resolve) => {
      const drop = this.#clock.after(graceMs, () => {
        for (const scope of this.#scopes) scope.cancel();
        this.#server.forceShutdown();
      });
      this.#server.tryShutdown(() => {
        drop.cancel();
        resolve();
      });
    });
  }

  #add(service: ServedService): void {
    const definition: Record<string, ServiceDefinition[string]> = {};
    const implementation: UntypedServiceImplementation = {};
    for (const method of service.methods) {
      definition[method.path] = {
        path: method.path,
        requestStream: false,
        responseStream: method.kind === 'serverStream',
        requestSerialize: asBuffer,
        requestDeserialize: (bytes) => bytes,
        responseSerialize: asBuffer,
        responseDeserialize: (bytes) => bytes,
      };
      if (method.kind === 'unary') {
        implementation[method.path] = (call: UnaryCall, answer: sendUnaryData<Uint8Array>): void =>
          void this.#unary(method, call, answer);
      } else implementation[method.path] = (call: StreamCall): void => void this.#stream(method, call);
    }
    this.#server.addService(definition, implementation);
  }

  async #unary(
    method: Extract<ServedMethod, { kind: 'unary' }>,
    call: UnaryCall,
    answer: sendUnaryData<Uint8Array>,
  ): Promise<void> {
    const scope = this.#scope(call);
    try {
      const message = await method.run(call.request, scope);
      answer(null, this.#checked(method, message));
    } catch (error) {
      this.#crashOnBug(error);
      answer(grpcStatusOf(error));
    } finally {
      this.#finished(scope);
    }
  }

  async #stream(method: Extract<ServedMethod, { kind: 'serverStream' }>, call: StreamCall): Promise<void> {
    const scope = this.#scope(call);
    let failed = false;
    const fail = (error: unknown): void => {
      if (failed || scope.cancelled) return;
      failed = true;
      call.emit('error', grpcStatusOf(error));
      scope.cancel();
    };
    this.#streams.add(fail);
    try {
      if (this.#closing !== undefined) throw serverClosing();
      for await (const message of method.run(call.request, scope)) {
        // Leaving the loop returns the handler's iterator.
        if (scope.cancelled) break;
        if (!call.write(this.#checked(method, message))) await drained(call, scope);
        if (scope.cancelled) break;
      }
      if (!scope.cancelled) call.end();
    } catch (error) {
      this.#crashOnBug(error);
      fail(error);
    } finally {
      this.#streams.delete(fail);
      this.#finished(scope);
    }
  }

  #scope(call: UnaryCall | StreamCall): CallScope {
    const deadline = Number(call.getDeadline());
    const remainingMs = Number.isFinite(deadline) ? Math.max(0, deadline - Date.now()) : undefined;
    // grpc-js cancels the call when its deadline passes; there is nothing more to do then.
    const scope = new CallScope(this.#clock, call.getPeer(), remainingMs, () => {});
    (call as UnaryCall).on('cancelled', () => scope.cancel());
    this.#scopes.add(scope);
    return scope;
  }

  #finished(scope: CallScope): void {
    scope.finish();
    this.#scopes.delete(scope);
  }

  #checked(method: ServedMethod, message: Uint8Array): Uint8Array {
    if (message.length <= this.#limits.messageBytesMax) return message;
    throw messageTooLarge(method.path, message.length, this.#limits.messageBytesMax, 'unknown');
  }

  /** A broken invariant is ours to crash on, not the caller's to read about. */
  #crashOnBug(error: unknown): void {
    if (!(error instanceof AssertionFailed)) return;
    this.#clock.soon(() => {
      throw error;
    });
  }
}

async function drained(call: StreamCall, scope: CallScope): Promise<void> {
  await new Promise<void>((resolve) => {
    const withdraw = scope.onCancel(resolve);
    call.once('drain', () => {
      withdraw();
      resolve();
    });
  });
}

/** grpc-js joins the errors of all addresses into one text and drops their codes. */
function listenError(error: Error): NetworkError {
  const code = /\bE[A-Z]+\b/.exec(error.message)?.[0];
  if (code === 'EADDRINUSE') return new NetworkError('inUse', error.message, error);
  if (code === 'EACCES' || code === 'EPERM') return new NetworkError('denied', error.message, error);
  if (code === 'EMFILE' || code === 'ENFILE') return new NetworkError('limit', error.message, error);
  return new NetworkError('other', error.message, error);
}
