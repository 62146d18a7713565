import { formatEndpoint, NetworkError, type Endpoint, type World } from '@multigres/core';
import {
  startGateway,
  type GatewayConfig,
  type GatewayControlSetup,
  type GatewayStatus,
  type PoolerTarget,
} from '@multigres/gateway';
import { GrpcTransport } from '@multigres/host';
import type { Directory } from '@multigres/topology';
import { Command, Option } from 'commander';
import { CliError } from '../errors.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import { internalEndpoint, listenEndpoint } from './endpoints.ts';
import { drainMs, gatewayConfig } from './gateway-options.ts';
import { addLogOptions } from './log-options.ts';
import { addMetricsOption, startMetrics } from './metrics-options.ts';
import { addConfigOption, drainOption, workersOption, type SettingFlags } from './settings.ts';
import { operatorOf } from './operator.ts';
import { beginServing, withParentOption, type Serving } from './serving.ts';
import { WorkerGateways } from './worker-gateways.ts';
import { addClientTlsOptions, addRelayTlsOptions, Certificates } from './tls-options.ts';
import { addTopologyOptions, directoryOf, type TopologyFlags } from './topology-options.ts';

interface Flags extends SettingFlags, TopologyFlags {
  readonly id: string;
  readonly grpc?: Endpoint;
  readonly pooler?: Endpoint;
  readonly withParent?: boolean;
  /** What a parent that is no gateway itself wants of its workers. */
  readonly authDefault?: 'trust' | 'scram';
  readonly sharePort?: boolean;
}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description('take connections of Postgres clients and serve them through a pooler')
    .requiredOption('--id <name>', 'name, unique in its cell')
    .option('--listen <endpoint>', 'PORT (on loopback) or HOST:PORT for clients (default: 6432)', listenEndpoint)
    .addOption(workersOption())
    .addOption(drainOption())
    .option('--grpc <endpoint>', 'where its control service listens', internalEndpoint)
    .option('--pooler <endpoint>', "a pooler's relay, where there is no topology", internalEndpoint)
    .addOption(new Option('--auth <method>', 'how clients log in (default: scram)').choices(['trust', 'scram']))
    .option('--auth-file <path>', 'check passwords against this file of "role" "secret" lines (implies --auth scram)')
    .option('--hba-file <path>', 'let rules in the format of pg_hba.conf decide how clients log in')
    .addOption(new Option('--auth-default <method>').hideHelp())
    .addOption(new Option('--admin-user <role>').hideHelp())
    .addOption(new Option('--share-port').hideHelp())
    .addOption(withParentOption());
  addRelayTlsOptions(addClientTlsOptions(command));
  return addConfigOption(addMetricsOption(addLogOptions(addTopologyOptions(command)))).action(run);
}

async function run(flags: Flags): Promise<void> {
  const serving = beginServing(flags, 'multigres-gateway');
  const { world, settings, reloader, orders } = serving;
  if ((settings.gateway.workers ?? 1) > 1) return await runWorkers(flags, serving);
  const directory = directoryOf(world, flags);
  const id = `${flags.cell}/${flags.id}`;
  const configOf = (from: ConfigFile): GatewayConfig => gatewayConfig(id, from, flags.authDefault ?? 'scram');
  const config = { ...configOf(settings), sharesPorts: flags.sharePort ?? false };
  const certificates = new Certificates(world);
  const tls = { ...(await certificates.forClients(settings)), ...(await certificates.forRelay(settings)) };
  const target = poolerTarget(world, flags, directory);
  const gateway = await startGateway(world, { ...config, ...tls }, target, controlOf(world, flags, directory)).catch(
    (error: unknown) => {
      if (!(error instanceof NetworkError)) throw error;
      throw new CliError(`the gateway cannot listen: ${error.message}`, { cause: error });
    },
  );
  gateway.useOperator(operatorOf(serving));
  reloader.onReload((from) => {
    const next = configOf(from);
    return () => {
      gateway.adjust(next);
      void certificates.renew();
    };
  });
  orders.onReload(() => reloader.reload());
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: 'gateway',
    notReady: () => whyNotReady(stopping, gateway.status()),
  });
  world.telemetry.log.info('gateway is ready', { listen: gateway.endpoints.map(formatEndpoint).join(', ') });
  orders.ready();
  const asked = await orders.shutdown;
  stopping = true;
  await (asked === 'drain' ? gateway.drain(drainMs(reloader.settings)) : gateway.stop());
  process.exit(0);
}

/** Workers with the command line of this process, but for what each must have of its own. */
async function runWorkers(flags: Flags, { world, settings, reloader, orders }: Serving): Promise<void> {
  if (flags.grpc !== undefined)
    throw new CliError('several workers cannot share one control service', {
      hint: 'Leave out --grpc, or start several gateways with one worker each.',
    });
  const configOf = (from: ConfigFile): GatewayConfig => gatewayConfig(flags.id, from, 'scram');
  const listen = configOf(settings).listen[0] as Endpoint;
  const own = process.argv.slice(2);
  const workers = new WorkerGateways(world, listen, {
    count: settings.gateway.workers ?? 1,
    argumentsOf: (number) => [...own, '--id', `${flags.id}-${number}`],
    served: settings.telemetry.metrics !== undefined,
    heard: (word) => orders.ask(word),
  });
  reloader.onReload((from) => {
    configOf(from);
    return () => workers.reload();
  });
  orders.onReload(() => reloader.reload());
  await Promise.race([workers.ready, workers.failed.then(notStarted)]);
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: 'gateway',
    notReady: () => workers.whyNotReady(stopping),
    peers: () => workers.peers,
  });
  world.telemetry.log.info('gateway is ready', { listen: formatEndpoint(workers.listen), workers: workers.count });
  const asked = await orders.shutdown;
  stopping = true;
  await workers.end(asked);
  process.exit(0);
}

export function notStarted(how: string): never {
  throw new CliError(`a worker did not start (${how})`, { hint: 'Its last log lines say why.' });
}

/** Why no clients should be sent here now. */
export function whyNotReady(stopping: boolean, status: GatewayStatus): string | undefined {
  if (stopping) return 'shutting down';
  return status.poolerIsUp ? undefined : 'no connection to the pooler';
}

function poolerTarget(world: World, flags: Flags, directory: Directory | undefined): PoolerTarget {
  if (flags.pooler !== undefined) return flags.pooler;
  if (directory !== undefined) return { kind: 'topology', directory, cell: flags.cell, rpc: new GrpcTransport(world) };
  throw new CliError('the gateway does not know where its pooler is', {
    hint: 'Give --topology-global, or --pooler with the address of a relay.',
  });
}

function controlOf(world: World, flags: Flags, directory: Directory | undefined): GatewayControlSetup | undefined {
  if (flags.grpc === undefined) return undefined;
  return {
    config: { name: flags.id, cell: flags.cell, rpc: flags.grpc },
    rpc: new GrpcTransport(world),
    ...(directory && { directory }),
  };
}
