import { parseEndpoint, type Endpoint, type World } from '@multigres/core';
import { etcdTopology } from '@multigres/host';
import { Directory } from '@multigres/topology';
import { InvalidArgumentError, type Command } from 'commander';

export interface TopologyFlags {
  readonly cell: string;
  readonly topologyGlobal?: readonly Endpoint[];
  readonly topologyCell?: readonly Endpoint[];
}

export function addTopologyOptions(command: Command): Command {
  return command
    .option('--cell <name>', 'cell it belongs to', 'local')
    .option('--topology-global <urls>', "members of the cluster's etcd, with commas between them", etcdEndpoints)
    .option('--topology-cell <urls>', "members of the cell's etcd; default: the cluster's", etcdEndpoints);
}

/** The directory of the cluster, if a topology was given. */
export function directoryOf(world: World, flags: TopologyFlags): Directory | undefined {
  if (flags.topologyGlobal === undefined) return undefined;
  const cells = { [flags.cell]: flags.topologyCell ?? flags.topologyGlobal };
  return new Directory(world, etcdTopology(world, { global: flags.topologyGlobal, cells }));
}

function etcdEndpoints(text: string): Endpoint[] {
  return text.split(',').map((part) => {
    const endpoint = parseEndpoint(
      part
        .trim()
        .replace(/^http:\/\//, '')
        .replace(/\/$/, ''),
    );
    if (endpoint === undefined)
      throw new InvalidArgumentError(`"${part}" is no address of an etcd member (http://HOST:PORT).`);
    return endpoint;
  });
}
