import { parseEndpoint, type Endpoint, type World } from '@multigres/core';
import { etcdTopology } from '@multigres/host';
import { Directory, identified, type TopologyError } from '@multigres/topology';
import { InvalidArgumentError, type Command } from 'commander';
import { CliError, exitCode } from '../errors.ts';
import { failureReport } from '../failure-report.ts';

export interface TopologyFlags {
  readonly cell: string;
  readonly topologyGlobal?: readonly Endpoint[];
  readonly topologyCell?: readonly Endpoint[];
  readonly clusterId?: string;
}

export function addTopologyOptions(command: Command): Command {
  return command
    .option('--cell <name>', 'cell it belongs to', 'local')
    .option('--topology-global <urls>', "members of the cluster's etcd, with commas between them", etcdEndpoints)
    .option('--topology-cell <urls>', "members of the cell's etcd; default: the cluster's", etcdEndpoints)
    .option('--cluster-id <name>', 'refuse an etcd that another cluster has marked as its own, and mark a new one');
}

/** The directory of the cluster, if a topology was given. */
export function directoryOf(world: World, flags: TopologyFlags): Directory | undefined {
  if (flags.topologyGlobal === undefined) return undefined;
  const cells = { [flags.cell]: flags.topologyCell ?? flags.topologyGlobal };
  const topology = etcdTopology(world, { global: flags.topologyGlobal, cells });
  if (flags.clusterId === undefined) return new Directory(world, topology);
  const options = { createdMs: () => world.clock.wallMs(), onForeign: refuseForeign };
  return new Directory(world, identified(topology, flags.clusterId, options));
}

/** Nothing was read from there or written: to go on would only hide the mistake. */
function refuseForeign(error: TopologyError): void {
  for (const line of failureReport(new CliError(error.message)).lines) process.stderr.write(`${line}\n`);
  process.exit(exitCode.failure);
}

/** Addresses of etcd's members, as its own tools take them: `http://HOST:PORT`, with commas between. */
export function etcdEndpoints(text: string): Endpoint[] {
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
