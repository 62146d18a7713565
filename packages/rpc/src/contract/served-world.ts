import { create } from '@bufbuild/protobuf';
import { client, type RpcClient } from '../client.ts';
import { PgctldService, PostgresStateSchema, type PostgresState } from '../gen/multigres/pgctld/v1/pgctld_pb.ts';
import { PoolerService, PoolerStatusSchema, type PoolerStatus } from '../gen/multigres/pooler/v1/pooler_pb.ts';
import { served, type CallContext, type Implementation } from '../service.ts';
import type { RpcChannel, RpcServer } from '../transport.ts';
import type { RpcContractSubject } from './rpc-contract.ts';

/** The handlers that a contract test gives; what it leaves out answers with defaults. */
export interface Handlers {
  /** Declared NO_SIDE_EFFECTS. */
  status?: (context: CallContext) => Promise<PoolerStatus>;
  watch?: (heartbeatMs: number, context: CallContext) => AsyncIterable<PoolerStatus>;
  /** Has effects: the fate of a lost call is unknown. */
  restart?: (mode: number, context: CallContext) => Promise<PostgresState>;
}

/** A server with those handlers, and one channel to it. */
export interface ServedWorld {
  readonly server: RpcServer;
  readonly channel: RpcChannel;
  readonly pooler: RpcClient<typeof PoolerService>;
  readonly pgctld: RpcClient<typeof PgctldService>;
}

export function poolerStatus(reason: string): PoolerStatus {
  return create(PoolerStatusSchema, { servingReason: reason });
}

export function postgresState(port: number): PostgresState {
  return create(PostgresStateSchema, { port });
}

async function* none(): AsyncGenerator<PoolerStatus> {}

const unused = (): Promise<never> => Promise.reject(new Error('not used by the contract'));

function poolerHandlers(handlers: Handlers): Implementation<typeof PoolerService> {
  return {
    getStatus: async (_request, context) => ({
      status: handlers.status === undefined ? poolerStatus('') : await handlers.status(context),
    }),
    async *watchHealth(request, context) {
      for await (const status of handlers.watch?.(request.heartbeatMs, context) ?? none()) yield { status };
    },
  };
}

function pgctldHandlers(handlers: Handlers): Implementation<typeof PgctldService> {
  return {
    initDb: unused,
    start: unused,
    stop: unused,
    reload: unused,
    promote: unused,
    rewind: unused,
    clone: unused,
    getStatus: unused,
    restart: async (request, context) => ({
      status: handlers.restart === undefined ? postgresState(0) : await handlers.restart(request.mode, context),
    }),
  };
}

/** Serves both services with the handlers at `endpoint`. */
export function serveAt(
  subject: RpcContractSubject,
  handlers: Handlers,
  endpoint: RpcContractSubject['free'],
): Promise<RpcServer> {
  return subject.transport.serve(endpoint, [
    served(PoolerService, poolerHandlers(handlers)),
    served(PgctldService, pgctldHandlers(handlers)),
  ]);
}

/** Runs `test` with a server and a channel, and closes both whatever happens. */
export async function withServer(
  subject: RpcContractSubject,
  handlers: Handlers,
  test: (world: ServedWorld) => Promise<void>,
): Promise<void> {
  const server = await serveAt(subject, handlers, subject.free);
  const channel = subject.transport.connect(server.endpoint);
  try {
    await test({ server, channel, pooler: client(PoolerService, channel), pgctld: client(PgctldService, channel) });
  } finally {
    channel.close();
    await server.close({ graceMs: 0 });
  }
}

/** A promise with its resolve outside. */
export function gate<T = void>(): { readonly opened: Promise<T>; open(value: T): void } {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export const long = { deadlineMs: 10_000 } as const;
