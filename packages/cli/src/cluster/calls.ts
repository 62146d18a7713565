import { PgError, sqlstate, type Endpoint } from '@multigres/core';
import { GrpcTransport, HostClock, HostNetwork } from '@multigres/host';
import {
  client,
  GatewayService,
  PgctldService,
  PoolerService,
  type GatewayStatus,
  type PoolerStatus,
  type PostgresState,
  type RpcChannel,
  type RpcClient,
} from '@multigres/rpc';
import { sockets } from './cluster.ts';
import type { Folder } from './folder.ts';

const clock = new HostClock();
const machine = { clock, network: new HostNetwork(clock) };
const transport = new GrpcTransport(machine);

/** Runs `work` with a channel to a socket, and closes it. */
async function withChannel<T>(path: string, work: (channel: RpcChannel) => Promise<T>): Promise<T> {
  const endpoint: Endpoint = { kind: 'unix', path };
  const channel = transport.connect(endpoint);
  try {
    return await work(channel);
  } finally {
    channel.close();
  }
}

/** Calls pgctld. Rejects with PgError. */
export function withPgctld<T>(
  folder: Folder,
  work: (pgctld: RpcClient<typeof PgctldService>) => Promise<T>,
): Promise<T> {
  return withChannel(sockets.pgctld(folder), (channel) => work(client(PgctldService, channel)));
}

const quickMs = 2_000;

/** What it says about itself; undefined if it does not answer. */
async function asked<T>(ask: Promise<{ readonly status?: T | undefined }>): Promise<T | undefined> {
  try {
    return (await ask).status;
  } catch {
    return undefined;
  }
}

export function postgresState(folder: Folder): Promise<PostgresState | undefined> {
  return asked(withPgctld(folder, (pgctld) => pgctld.getStatus({}, { deadlineMs: quickMs })));
}

/** Whether it is there at all: it may also answer that something is wrong with its directory. */
export async function pgctldAnswers(folder: Folder): Promise<boolean> {
  try {
    await withPgctld(folder, (pgctld) => pgctld.getStatus({}, { deadlineMs: quickMs }));
    return true;
  } catch (error) {
    return error instanceof PgError && !unanswered.has(error.sqlstate);
  }
}

/** How a call ends that nobody answered: no connection, connection lost, deadline passed. */
const unanswered: ReadonlySet<string> = new Set([
  sqlstate.sqlclientUnableToEstablishSqlconnection,
  sqlstate.connectionFailure,
  sqlstate.queryCanceled,
]);

export function poolerStatus(folder: Folder): Promise<PoolerStatus | undefined> {
  return asked(
    withChannel(sockets.pooler(folder), (channel) =>
      client(PoolerService, channel).getStatus({}, { deadlineMs: quickMs }),
    ),
  );
}

export function gatewayStatus(folder: Folder): Promise<GatewayStatus | undefined> {
  return asked(
    withChannel(sockets.gateway(folder), (channel) =>
      client(GatewayService, channel).getStatus({}, { deadlineMs: quickMs }),
    ),
  );
}
