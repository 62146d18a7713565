import { ServerState, type Implementation, type PgctldService } from '@multigres/rpc';
import type { PgctldConfig } from './config.ts';
import { brokenData } from './errors.ts';
import type { Layout } from './layout.ts';
import type { Server } from './lifecycle-state.ts';
import type { PostmasterPid } from './postmaster-pid.ts';
import type { ServerRecord } from './server-record.ts';
import type { PgVersion } from './version.ts';

type StatusAnswer = Awaited<ReturnType<Implementation<typeof PgctldService>['getStatus']>>;
/** A PostgresState as handlers give it: fields that are left out are empty. */
export type PostgresStateInit = NonNullable<StatusAnswer['status']>;

/** The word of the protocol for what is so. */
export function serverStateOf(server: Server): ServerState {
  switch (server.kind) {
    case 'unknown':
    case 'unusable':
      return ServerState.UNSPECIFIED;
    case 'notInitialized':
    case 'initializing':
      return ServerState.NOT_INITIALIZED;
    case 'broken':
    case 'rewinding':
    case 'cloning':
      return ServerState.STOPPED;
    case 'stopped':
      return server.crashed ? ServerState.CRASHED : ServerState.STOPPED;
    case 'starting':
    case 'failing':
      return ServerState.STARTING;
    case 'running':
    case 'promoting':
      return ServerState.RUNNING;
    case 'stopping':
      return ServerState.STOPPING;
  }
}

const busyWith: ReadonlySet<Server['kind']> = new Set(['initializing', 'rewinding', 'cloning']);

export interface StateFacts {
  readonly server: Server;
  readonly file: PostmasterPid | undefined;
  readonly version: PgVersion;
  readonly systemIdentifier: bigint;
  readonly record: ServerRecord;
}

export function postgresState(config: PgctldConfig, layout: Layout, facts: StateFacts): PostgresStateInit {
  const { server, file } = facts;
  const pid = 'pid' in server ? (server.pid ?? 0) : 0;
  return {
    state: serverStateOf(server),
    pid,
    port: config.port,
    listenAddresses: [...config.listenAddresses],
    socketDirectory: config.socketDirectory,
    dataDirectory: layout.data,
    endpoint: { address: { case: 'unixPath', value: `${config.socketDirectory}/.s.PGSQL.${config.port}` } },
    versionNumber: facts.version.number,
    version: facts.version.text,
    startedMs: file !== undefined && file.pid === pid ? BigInt(file.startedAtS) * 1000n : 0n,
    systemIdentifier: facts.systemIdentifier,
    standby: facts.record.standby,
    incarnation: facts.record.incarnation,
    unusable: server.kind === 'broken',
    trouble: server.kind === 'broken' ? brokenData(layout.data).message : '',
    busy: busyWith.has(server.kind) ? server.kind : '',
    replicationPassfile: config.replicationPassword === undefined ? '' : layout.passfile,
  };
}
