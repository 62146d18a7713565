import { assert, type Endpoint, type World } from '@multigres/core';
import type { RpcTransport } from '@multigres/rpc';
import { probeBinaries } from './binaries.ts';
import type { PgctldConfig } from './config.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { withDisk } from './files.ts';
import { removeLeftovers, type InitOptions } from './initialize.ts';
import { layoutOf, type Layout } from './layout.ts';
import { LifecycleDriver } from './lifecycle.driver.ts';
import type { Force } from './lifecycle.machine.ts';
import { readPostmasterPid } from './observe.ts';
import { postgresState, type PostgresStateInit } from './postgres-state.ts';
import { readControlData } from './read-control-data.ts';
import { emptyRecord, RecordKeeper } from './server-record.ts';
import { pgctldService } from './service.ts';
import type { PgVersion } from './version.ts';

/** The deeds of pgctld, each idempotent except `restart`. They reject with PgError. */
export interface PostgresHands {
  /** Answers whether a data directory was made now. */
  initDb(options: InitOptions): Promise<boolean>;
  /** Resolves when connections are accepted. `standby`: as a standby, now and at every later start. */
  start(options?: { readonly standby: boolean }): Promise<void>;
  /** Resolves when the process has ended. */
  stop(force: Force): Promise<void>;
  restart(force: Force): Promise<void>;
  reload(): Promise<void>;
  /** Resolves when recovery has ended. */
  promote(): Promise<void>;
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
  const version = await probeBinaries(world, config);
  const lock = await takeDirectory(world, config, layout);
  const keeper = await RecordKeeper.open(world, layout);
  const driver = new LifecycleDriver(world, config, layout, { lock, keeper }, version.major);
  const hands = postgresHands(world, config, layout, { driver, keeper }, version);
  const server = await rpc.serve(listen, [pgctldService(hands)]);
  return {
    endpoint: server.endpoint,
    version,
    hands,
    async close() {
      await driver.close();
      await server.close({ graceMs: 1_000 });
      await lock.release();
    },
  };
}

async function takeDirectory(world: World, config: PgctldConfig, layout: Layout): Promise<DirectoryLock> {
  return withDisk(`use directory "${layout.root}"`, async () => {
    await world.disk.makeDirectory(layout.root, 0o755);
    const lock = await lockDirectory(world, layout, config.pid);
    await removeLeftovers(world, layout);
    return lock;
  });
}

function postgresHands(
  world: World,
  config: PgctldConfig,
  layout: Layout,
  { driver, keeper }: { readonly driver: LifecycleDriver; readonly keeper: RecordKeeper },
  version: PgVersion,
): PostgresHands {
  let systemIdentifier: bigint | undefined;
  return {
    async initDb(options) {
      const before = await world.disk.info(`${layout.data}/PG_VERSION`);
      await driver.request('init', 'fast', options);
      return before === undefined;
    },
    async start(options) {
      if (config.member || options?.standby) await driver.keepAsStandby();
      await driver.request('start');
    },
    stop: (force) => driver.request('stop', force),
    restart: (force) => driver.request('restart', force),
    reload: () => driver.request('reload'),
    promote: () => driver.request('promote'),
    async status() {
      const server = await driver.look();
      if (server.kind === 'unusable') throw server.refusal;
      const file = await readPostmasterPid(world, layout);
      const initialized = server.kind !== 'notInitialized' && server.kind !== 'initializing';
      if (initialized) systemIdentifier ??= (await readControlData(world, config, layout.data)).systemIdentifier;
      return postgresState(config, layout, {
        server,
        file: typeof file === 'object' ? file : undefined,
        version,
        systemIdentifier: systemIdentifier ?? 0n,
        record: initialized ? keeper.record : emptyRecord,
      });
    },
  };
}
