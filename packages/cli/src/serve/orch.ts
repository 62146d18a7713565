import { formatEndpoint, NetworkError, type Endpoint } from '@multigres/core';
import { GrpcTransport } from '@multigres/host';
import { startOrch } from '@multigres/orch';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import { internalEndpoint } from './endpoints.ts';
import { addLogOptions } from './log-options.ts';
import { addMetricsOption, startMetrics } from './metrics-options.ts';
import { beginServing, withParentOption } from './serving.ts';
import { addConfigOption, type SettingFlags } from './settings.ts';
import { addTopologyOptions, directoryOf, type TopologyFlags } from './topology-options.ts';

interface Flags extends SettingFlags, TopologyFlags {
  readonly id: string;
  readonly grpc: Endpoint;
  readonly withParent?: boolean;
}

/** `multigres orch`: keeps the shards of a cluster alive. Several may run; one in each cell is usual. */
export function orchCommand(): Command {
  const command = new Command('orch')
    .description('keep the shards of a cluster alive: watch their members, replace leaders, rebuild followers')
    .requiredOption('--id <name>', 'name, unique in its cell')
    .requiredOption('--grpc <endpoint>', 'where its services listen: HOST:PORT or a socket path', internalEndpoint)
    .addOption(withParentOption());
  return addConfigOption(addMetricsOption(addLogOptions(addTopologyOptions(command)))).action(run);
}

async function run(flags: Flags): Promise<void> {
  const { world, settings, reloader, orders } = beginServing(flags, 'multigres-orch');
  const directory = directoryOf(world, flags) ?? noTopology();
  const config = { name: flags.id, cell: flags.cell, rpc: flags.grpc };
  const orch = await startOrch({ world, rpc: new GrpcTransport(world), directory }, config).catch((error: unknown) => {
    if (!(error instanceof NetworkError)) throw error;
    throw new CliError(`the orchestrator cannot listen: ${error.message}`, { cause: error });
  });
  orders.onReload(() => reloader.reload());
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: 'orch',
    notReady: () => (stopping ? 'shutting down' : undefined),
  });
  world.telemetry.log.info('orchestrator is ready', { grpc: formatEndpoint(orch.endpoint) });
  orders.ready();
  await orders.shutdown;
  stopping = true;
  await orch.stop();
  process.exit(0);
}

function noTopology(): never {
  throw new CliError('the orchestrator does not know the shards', { hint: 'Give --topology-global.' });
}
