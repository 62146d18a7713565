import { defaultLimits, startPgctld } from '@multigres/pgctld';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import type { DataDirectory } from '../../model/postgres/storage/data-directory.ts';
import { ModelDirectory, controlFile } from '../../programs/model-directory.ts';
import type { PostgresSite, RunningServer } from '../../programs/postmaster.ts';
import { ProgramNode } from '../../world/program-node.ts';
import type { SimNode } from '../../world/weather.ts';
import { at, everywhere, ports, shardKey } from './ports.ts';
import type { ShardSite } from './shard-site.ts';

const directory = '/var/lib/multigres';
/** On the same volume as the data directory, and not inside it. */
const memberDirectory = '/var/lib/member';
/** Where a member keeps what it has promised. */
export const promiseFile: string = `${memberDirectory}/member.json`;
const replication = { user: 'multigres_replication', password: 'a secret of all members' } as const;
const socketDirectory = '/run/multigres';
/** Users' sessions, and what the member needs itself. */
const backendsMax = 20;

/** One machine of the shard: Postgres, the hands on it, and the pooler that is the member. */
export class PostgresMachine {
  readonly name: string;
  readonly cell: string;
  readonly pgctld: SimNode;
  readonly poolerNode: SimNode;
  readonly postgres: ProgramNode;
  pooler: Pooler | undefined;
  readonly #postgres: PostgresSite;
  #pids = 10;

  constructor(site: ShardSite, postgres: PostgresSite, name: string, cell: string) {
    this.name = name;
    this.cell = cell;
    this.#postgres = postgres;
    site.weather.machine(name).disk.prepare('/var/lib');
    this.postgres = new ProgramNode(site.weather, 'postgres', name);
    this.pgctld = site.weather.node(`pgctld@${name}`, (world) => this.#startPgctld(site, world), name);
    this.poolerNode = site.weather.node(`pooler@${name}`, (world) => this.#startPooler(site, world), name);
  }

  get nodes(): readonly SimNode[] {
    return [this.pgctld, this.poolerNode, this.postgres];
  }

  /** The server that runs here now. */
  get server(): RunningServer | undefined {
    return this.postgres.isUp ? this.#postgres.servers.get(this.name) : undefined;
  }

  /** One of the users' backends, one that waits for its quorum if there is any: politely that is cancelled or terminated, another one terminated; else it is killed. */
  endBackend(nth: number, politely: boolean): void {
    const { server } = this;
    const all = server?.model.inspect.backends().filter(({ user }) => user === 'app') ?? [];
    const waiting = all.filter(({ waitEvent }) => waitEvent === 'SyncRep');
    const from = waiting.length > 0 ? waiting : all;
    const pid = from[nth % from.length]?.pid;
    if (pid === undefined) return;
    if (!politely) server?.model.kill(pid);
    else if (waiting.length > 0 && nth % 2 === 0) server?.model.cancel(pid);
    else server?.model.terminate(pid);
  }

  /** What is on its disk, whether a server runs or not. */
  get directory(): DataDirectory | undefined {
    const value = this.postgres.machine.disk.valueAt(`${directory}/data/${controlFile}`);
    return value instanceof ModelDirectory ? value.data : undefined;
  }

  async #startPgctld(
    site: ShardSite,
    world: Parameters<Parameters<ShardSite['weather']['node']>[1]>[0],
  ): Promise<void> {
    this.#pids += 1;
    await startPgctld(
      { world, rpc: site.transport(world, this.pgctld) },
      {
        id: `${this.cell}/${this.name}`,
        pid: this.#pids,
        binDirectory: '/usr/lib/postgresql/17/bin',
        directory,
        socketDirectory,
        port: ports.postgres,
        listenAddresses: ['*'],
        maxConnections: 100,
        member: true,
        replicationPassword: replication.password,
        keepRunning: true,
        limits: defaultLimits,
      },
      everywhere(ports.pgctld),
    );
  }

  async #startPooler(
    site: ShardSite,
    world: Parameters<Parameters<ShardSite['weather']['node']>[1]>[0],
  ): Promise<void> {
    await world.disk.makeDirectory(memberDirectory);
    await world.disk.syncDirectory('/var/lib');
    this.pooler = await startPooler(
      world,
      {
        id: `${this.cell}/${this.name}`,
        relay: at(this.name, ports.relay),
        postgres: { kind: 'unix', path: `${socketDirectory}/.s.PGSQL.${ports.postgres}` },
        limits: { ...defaultPoolerLimits, backendsMax, poolBackendsMax: backendsMax / 2 },
        admin: { user: 'postgres', database: 'postgres' },
        member: {
          pooler: { cell: this.cell, name: this.name },
          directory: memberDirectory,
          pgctld: at(this.name, ports.pgctld),
          postgresAddress: at(this.name, ports.postgres),
          superuser: 'postgres',
          replication,
        },
      },
      {
        config: { name: this.name, cell: this.cell, shard: shardKey, rpc: at(this.name, ports.pooler) },
        rpc: site.transport(world, this.poolerNode),
        directory: site.directory(world, this.poolerNode),
      },
    );
  }
}
