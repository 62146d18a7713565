import { assert, type Endpoint, type World } from '@multigres/core';
import type { RpcTransport } from '@multigres/rpc';
import { probeBinaries } from './binaries.ts';
import { clone, type CloneOptions } from './clone.ts';
import type { PgctldConfig } from './config.ts';
import type { SourceEndpoint } from './conninfo.ts';
import { settleDirectory } from './data-swap.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { withDisk } from './files.ts';
import { initialize, type InitOptions } from './initialize.ts';
import { layoutOf, type Layout } from './layout.ts';
import { LifecycleDriver } from './lifecycle.driver.ts';
import type { Force, Server } from './lifecycle-state.ts';
import { readPostmasterPid } from './observe.ts';
import type { Place } from './place.ts';
import { endOrphans } from './orphans.ts';
import { postgresState, type PostgresStateInit } from './postgres-state.ts';
import { readControlData } from './read-control-data.ts';
import { rewind } from './rewind.ts';
import type { RewindReport } from './rewind-report.ts';
import { emptyRecord, RecordKeeper } from './server-record.ts';
import { pgctldService } from './service.ts';
import type { PgVersion } from './version.ts';

/** The deeds of pgctld, each idempotent except `restart`. They reject with PgError. */
export interface PostgresHands {
  /** Answers whether a data directory was made now. */
  initDb(options: InitOptions): Promise<boolean>;
  /** Resolves when connections are accepted. `standby`: as a standby, now and at every later start. */
  start(options?: { readonly standby: boolean }): Promise<void>;
  /** Resolves when the server has ended, those of its processes included that a killed postmaster leaves behind. */
  stop(force: Force): Promise<void>;
  restart(force: Force): Promise<void>;
  reload(): Promise<void>;
  /** Resolves when recovery has ended. */
  promote(): Promise<void>;
  /** Makes the stopped data directory follow the source's history. */
  rewind(source: SourceEndpoint): Promise<RewindReport>;
  /** Replaces the data directory of a stopped server, or none, by a copy of the source's. */
  clone(options: CloneOptions): Promise<void>;
  status(): Promise<PostgresStateInit>;
}

export interface Pgctld {
  /** Where PgctldService is served. */
  readonly endpoint: Endpoint;
  readonly version: PgVersion;
  readonly hands: PostgresHands;
  /** Ends the service and the watching. Postgres runs on. */
  close(): Promise<void>;
}

export interface PgctldPorts {
  readonly world: World;
  readonly rpc: RpcTransport;
}

/**
 * Hands on one data directory: serves PgctldService at `listen`. Rejects with a PgError if the programs do not run here (58000), are of
 * a version that we do not know (0A000), or another pgctld has the directory (55000), and with a NetworkError if it cannot listen.
 */
export async function startPgctld(ports: PgctldPorts, config: PgctldConfig, listen: Endpoint): Promise<Pgctld> {
  assert(config.socketDirectory.length <= 90, 'a socket path fits into what the operating system takes');
  const { world, rpc } = ports;
  const layout = layoutOf(config.directory);
  const programs = await probeBinaries(world, config);
  const { lock, keeper } = await takeDirectory(world, config, layout);
  const place: Place = { world, config, layout, keeper, programs };
  const driver = new LifecycleDriver(place, lock);
  const hands = postgresHands(place, driver);
  const server = await rpc.serve(listen, [pgctldService(hands)]);
  return {
    endpoint: server.endpoint,
    version: programs.version,
    hands,
    async close() {
      await driver.close();
      await server.close({ graceMs: 1_000 });
      await lock.release();
    },
  };
}

interface Hold {
  readonly lock: DirectoryLock;
  readonly keeper: RecordKeeper;
}

async function takeDirectory(world: World, config: PgctldConfig, layout: Layout): Promise<Hold> {
  return withDisk(`use directory "${layout.root}"`, async () => {
    await world.disk.makeDirectory(layout.root, 0o755);
    // Or power loss may take it away again, with all that was flushed inside.
    await world.disk.syncDirectory(layout.root.slice(0, Math.max(1, layout.root.lastIndexOf('/'))));
    const lock = await lockDirectory(world, layout, config.pid);
    const keeper = await RecordKeeper.open(world, layout);
    await settleDirectory(world, layout, keeper);
    return { lock, keeper };
  });
}

function postgresHands(place: Place, driver: LifecycleDriver): PostgresHands {
  const { world, config, layout, keeper, programs } = place;
  let asked: bigint | undefined;
  /** As the record says; what was made before there were records is asked once. */
  const identifierOf = async (server: Server): Promise<bigint> => {
    if (!hasData(server)) return 0n;
    if (keeper.record.systemIdentifier !== 0n) return keeper.record.systemIdentifier;
    return (asked ??= (await readControlData(world, config, layout.data)).systemIdentifier);
  };
  return {
    async initDb(options) {
      const before = await world.disk.info(`${layout.data}/PG_VERSION`);
      await driver.request('init', 'fast', (watch) => initialize(place, options, watch));
      return before === undefined;
    },
    async start(options) {
      if (config.member || options?.standby) await driver.keepAsStandby();
      await driver.request('start');
    },
    async stop(force) {
      await driver.request('stop', force);
      await endOrphans(world, layout);
    },
    restart: (force) => driver.request('restart', force),
    reload: () => driver.request('reload'),
    promote: () => driver.request('promote'),
    async rewind(source) {
      const server = await driver.look();
      if (server.kind === 'stopped' && !(await wasStoppedCleanly(world, config, layout))) await driver.recover();
      return driver.overhaul('rewind', (watch) => rewind(place, source, watch));
    },
    clone: (options) => driver.overhaul('clone', (watch) => clone(place, options, watch)),
    async status() {
      const server = await driver.look();
      if (server.kind === 'unusable') throw server.refusal;
      const file = await readPostmasterPid(world, layout);
      return postgresState(config, layout, {
        server,
        file: typeof file === 'object' ? file : undefined,
        version: programs.version,
        systemIdentifier: await identifierOf(server),
        record: hasData(server) ? keeper.record : emptyRecord,
      });
    },
  };
}

/** Whether there is a data directory, be it one that is only good to be cloned anew. */
function hasData(server: Server): boolean {
  return !['unknown', 'unusable', 'notInitialized', 'initializing'].includes(server.kind);
}

/** PostgreSQL documentation, "pg_rewind": the target must have been shut down cleanly; as a primary or as a standby. */
async function wasStoppedCleanly(world: World, config: PgctldConfig, layout: Layout): Promise<boolean> {
  return (await readControlData(world, config, layout.data)).clusterState.startsWith('shut down');
}
