import { PgError, sqlstate, type Endpoint } from '@multigres/core';
import { GrpcTransport, HostClock, HostNetwork } from '@multigres/host';
import {
  client,
  GatewayService,
  OrchService,
  PgctldService,
  PoolerService,
  type GatewayStatus,
  type PoolerStatus,
  type PostgresState,
  type RpcChannel,
  type RpcClient,
} from '@multigres/rpc';

const clock = new HostClock();
const machine = { clock, network: new HostNetwork(clock) };
const transport = new GrpcTransport(machine);

const socketAt = (path: string): Endpoint => ({ kind: 'unix', path });

/** Runs `work` with a channel to a component, and closes it. */
export async function withChannel<T>(endpoint: Endpoint, work: (channel: RpcChannel) => Promise<T>): Promise<T> {
  const channel = transport.connect(endpoint);
  try {
    return await work(channel);
  } finally {
    channel.close();
  }
}

/** Calls the pgctld behind a socket. Rejects with PgError. */
export function withPgctld<T>(
  socket: string,
  work: (pgctld: RpcClient<typeof PgctldService>) => Promise<T>,
): Promise<T> {
  return withChannel(socketAt(socket), (channel) => work(client(PgctldService, channel)));
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

export function postgresState(socket: string): Promise<PostgresState | undefined> {
  return asked(withPgctld(socket, (pgctld) => pgctld.getStatus({}, { deadlineMs: quickMs })));
}

/** Whether it is there at all: it may also answer that something is wrong with its directory. */
export async function pgctldAnswers(socket: string): Promise<boolean> {
  try {
    await withPgctld(socket, (pgctld) => pgctld.getStatus({}, { deadlineMs: quickMs }));
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

export function poolerStatus(socket: string): Promise<PoolerStatus | undefined> {
  return poolerStatusAt(socketAt(socket));
}

export function poolerStatusAt(endpoint: Endpoint): Promise<PoolerStatus | undefined> {
  return asked(
    withChannel(endpoint, (channel) => client(PoolerService, channel).getStatus({}, { deadlineMs: quickMs })),
  );
}

export function gatewayStatus(socket: string): Promise<GatewayStatus | undefined> {
  return asked(
    withChannel(socketAt(socket), (channel) => client(GatewayService, channel).getStatus({}, { deadlineMs: quickMs })),
  );
}

export function orchAnswers(socket: string): Promise<boolean> {
  return orchAnswersAt(socketAt(socket));
}

/** Whether an orchestrator answers. */
export function orchAnswersAt(endpoint: Endpoint): Promise<boolean> {
  const asking = withChannel(endpoint, (channel) =>
    client(OrchService, channel).getStatus({}, { deadlineMs: quickMs }),
  );
  return asking.then(
    () => true,
    () => false,
  );
}
