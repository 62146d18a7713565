import type { Endpoint } from '@multigres/core';
import { etcdTopology, hostWorld } from '@multigres/host';
import { endpointOf, type EndpointMessage } from '@multigres/rpc';
import { Directory, keyOf } from '@multigres/topology';
import { Option, type Command } from 'commander';
import { grpcSocket, identityOf, nodeNames, type Cluster } from '../cluster/cluster.ts';
import { toldAsCliError, withDirectory } from '../cluster/directory.ts';
import { requiredCluster } from '../cluster/existing-cluster.ts';
import { dirOption } from '../cluster/options.ts';
import { isShard } from '../cluster/record.ts';
import { CliError } from '../errors.ts';
import { etcdEndpoints } from '../serve/topology-options.ts';
import type { ComponentName } from './shard-view.ts';

export interface ShardFlags {
  readonly dir: string;
  readonly topologyGlobal?: readonly Endpoint[];
  readonly shard: ShardName;
}

export interface ShardName {
  readonly database: string;
  readonly tableGroup: string;
  readonly shard: string;
}

/** Where a component's gRPC services are. */
export interface Reachable {
  readonly id: ComponentName;
  readonly endpoint: Endpoint;
}

/** Who keeps a shard. */
export interface ShardParts {
  readonly poolers: readonly Reachable[];
  readonly orchestrators: readonly Reachable[];
}

/** The options that say which shard of which cluster is meant. */
export function addShardOptions(command: Command): Command {
  return command
    .addOption(dirOption())
    .addOption(
      new Option('--topology-global <urls>', "members of a cluster's etcd, instead of a local cluster's").argParser(
        etcdEndpoints,
      ),
    )
    .addOption(
      new Option('--shard <name>', 'DATABASE/TABLE GROUP/SHARD')
        .argParser(parsedShard)
        .default({ database: 'postgres', tableGroup: 'default', shard: '0' }, 'postgres/default/0'),
    );
}

function parsedShard(text: string): ShardName {
  const [database, tableGroup, shard, ...more] = text.split('/').map(decodeURIComponent);
  if (database === undefined || tableGroup === undefined || shard === undefined || more.length > 0) {
    throw new CliError(`"${text}" does not name a shard`, {
      hint: 'Give DATABASE/TABLE GROUP/SHARD: postgres/default/0.',
    });
  }
  return { database, tableGroup, shard };
}

export const shardText = ({ database, tableGroup, shard }: ShardName): string => keyOf(database, tableGroup, shard);

const patience = { deadlineMs: 3_000 };

/** As the topology knows them. For a local cluster whose etcd is away, as it was started: a shard is kept, and can be looked at, without etcd. */
export async function shardParts(flags: ShardFlags): Promise<ShardParts> {
  if (flags.topologyGlobal !== undefined) return partsElsewhere(flags.topologyGlobal, flags.shard);
  const cluster = requiredCluster(flags.dir);
  if (!isShard(cluster.record)) {
    throw new CliError(`the cluster in ${cluster.folder.root} is a single Postgres, not a shard of several`, {
      hint: 'Start one without --single, in a folder of its own (--dir FOLDER).',
    });
  }
  try {
    const parts = await withDirectory(cluster.record, (directory) => listed(directory, flags.shard));
    if (parts.poolers.length > 0 || parts.orchestrators.length > 0) return parts;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
  }
  return startedParts(cluster);
}

async function partsElsewhere(global: readonly Endpoint[], shard: ShardName): Promise<ShardParts> {
  const world = hostWorld({ log: { level: 'error' } });
  const topology = etcdTopology(world, { global, cells: {} });
  try {
    return await toldAsCliError(listed(new Directory(world, topology), shard));
  } finally {
    topology.close();
  }
}

interface Registered {
  readonly id?: ComponentName | undefined;
  readonly rpcEndpoint?: EndpointMessage | undefined;
}

/** A cell whose store is away has none. */
async function inCell<R extends Registered>(table: Listable<R>): Promise<readonly R[]> {
  try {
    return (await table.list(patience)).map(({ record }) => record);
  } catch {
    return [];
  }
}

interface Listable<R> {
  list(options: { readonly deadlineMs: number }): Promise<readonly { readonly record: R }[]>;
}

async function listed(directory: Directory, shard: ShardName): Promise<ShardParts> {
  const cells = (await directory.cells.list(patience)).map(({ record }) => record);
  const wanted = shardText(shard);
  const found = await Promise.all(
    cells.map(async (cell) => ({
      poolers: await inCell(directory.poolers(cell.name, cell)),
      orchestrators: await inCell(directory.orchestrators(cell.name, cell)),
    })),
  );
  const poolers = found
    .flatMap((cell) => cell.poolers)
    .filter((pooler) => pooler.shard !== undefined && shardText(pooler.shard) === wanted);
  return { poolers: reachable(poolers), orchestrators: reachable(found.flatMap((cell) => cell.orchestrators)) };
}

function reachable(records: readonly Registered[]): readonly Reachable[] {
  return records.flatMap(({ id, rpcEndpoint }) => {
    const endpoint = endpointOf(rpcEndpoint);
    return id === undefined || endpoint === undefined ? [] : [{ id, endpoint }];
  });
}

function startedParts({ folder, record }: Cluster): ShardParts {
  const at = (cell: string, component: string): Reachable => ({
    id: { cell, name: identityOf(component) },
    endpoint: { kind: 'unix', path: grpcSocket(folder, component) },
  });
  return {
    poolers: record.nodes.map((node) => at(node.cell, nodeNames(node).pooler)),
    orchestrators: record.orchestrators.map(({ cell, name }) => at(cell, name)),
  };
}
