import { formatEndpoint, NetworkError, type Endpoint, type World } from '@multigres/core';
import { startGateway, type GatewayControlSetup, type GatewayStatus, type PoolerTarget } from '@multigres/gateway';
import { GrpcTransport } from '@multigres/host';
import type { Directory } from '@multigres/topology';
import { Command, Option } from 'commander';
import { CliError } from '../errors.ts';
import { internalEndpoint, listenEndpoint } from './endpoints.ts';
import { drainMs, gatewayConfig } from './gateway-options.ts';
import { hostWorldOf } from './host-options.ts';
import { addLogOptions } from './log-options.ts';
import { addMetricsOption, startMetrics } from './metrics-options.ts';
import { addConfigOption, drainOption, readSettings, type SettingFlags } from './settings.ts';
import { parentGone, shutdownAsked } from './shutdown.ts';
import { addClientTlsOptions, addRelayTlsOptions, Certificates } from './tls-options.ts';
import { addTopologyOptions, directoryOf, type TopologyFlags } from './topology-options.ts';

interface Flags extends SettingFlags, TopologyFlags {
  readonly id: string;
  readonly grpc?: Endpoint;
  readonly pooler?: Endpoint;
  readonly withParent?: boolean;
}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description('take connections of Postgres clients and serve them through a pooler')
    .requiredOption('--id <name>', 'name, unique in its cell')
    .option('--listen <endpoint>', 'PORT (on loopback) or HOST:PORT for clients (default: 6432)', listenEndpoint)
    .addOption(drainOption())
    .option('--grpc <endpoint>', 'where its control service listens', internalEndpoint)
    .option('--pooler <endpoint>', "a pooler's relay, where there is no topology", internalEndpoint)
    .addOption(new Option('--auth <method>', 'how clients log in (default: scram)').choices(['trust', 'scram']))
    .option('--auth-file <path>', 'check passwords against this file of "role" "secret" lines (implies --auth scram)')
    .option('--hba-file <path>', 'let rules in the format of pg_hba.conf decide how clients log in')
    .option('--with-parent', 'end when standard input ends');
  addRelayTlsOptions(addClientTlsOptions(command));
  return addConfigOption(addMetricsOption(addLogOptions(addTopologyOptions(command)))).action(run);
}

async function run(flags: Flags): Promise<void> {
  const settings = readSettings(flags);
  const world = hostWorldOf(settings, 'multigres-gateway');
  const directory = directoryOf(world, flags);
  const config = gatewayConfig(`${flags.cell}/${flags.id}`, settings, 'scram');
  const certificates = new Certificates(world);
  const tls = { ...(await certificates.forClients(settings)), ...(await certificates.forRelay(settings)) };
  certificates.renewOnHangup();
  const target = poolerTarget(flags, directory);
  const gateway = await startGateway(world, { ...config, ...tls }, target, controlOf(world, flags, directory)).catch(
    (error: unknown) => {
      if (!(error instanceof NetworkError)) throw error;
      throw new CliError(`the gateway cannot listen: ${error.message}`, { cause: error });
    },
  );
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: 'gateway',
    notReady: () => whyNotReady(stopping, gateway.status()),
  });
  world.telemetry.log.info('gateway is ready', { listen: gateway.endpoints.map(formatEndpoint).join(', ') });
  const asked = await Promise.race([shutdownAsked(), ...(flags.withParent ? [parentGone()] : [])]);
  stopping = true;
  await (asked === 'SIGTERM' ? gateway.drain(drainMs(settings)) : gateway.stop());
  process.exit(0);
}

/** Why no clients should be sent here now. */
export function whyNotReady(stopping: boolean, status: GatewayStatus): string | undefined {
  if (stopping) return 'shutting down';
  return status.poolerIsUp ? undefined : 'no connection to the pooler';
}

function poolerTarget(flags: Flags, directory: Directory | undefined): PoolerTarget {
  if (flags.pooler !== undefined) return flags.pooler;
  if (directory !== undefined) return { kind: 'topology', directory, cell: flags.cell };
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
