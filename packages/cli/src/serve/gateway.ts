import { formatEndpoint, NetworkError, type Endpoint, type World } from '@multigres/core';
import {
  defaultGatewayLimits,
  startGateway,
  type AuthPolicy,
  type GatewayControlSetup,
  type PoolerTarget,
} from '@multigres/gateway';
import { GrpcTransport, hostWorld } from '@multigres/host';
import type { Directory } from '@multigres/topology';
import { Command, Option } from 'commander';
import { CliError } from '../errors.ts';
import { readAuthFile } from './auth-options.ts';
import { internalEndpoint, listenEndpoint } from './endpoints.ts';
import { addLogOptions, logOptions, type LogFlags } from './log-options.ts';
import { parentGone, shutdownAsked } from './shutdown.ts';
import { addTopologyOptions, directoryOf, type TopologyFlags } from './topology-options.ts';

interface Flags extends LogFlags, TopologyFlags {
  readonly id: string;
  readonly listen: Endpoint;
  readonly grpc?: Endpoint;
  readonly pooler?: Endpoint;
  readonly auth: 'trust' | 'scram';
  readonly authFile?: string;
  readonly withParent?: boolean;
}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description('take connections of Postgres clients and serve them through a pooler')
    .requiredOption('--id <name>', 'name, unique in its cell')
    .option(
      '--listen <endpoint>',
      'PORT (on loopback) or HOST:PORT for clients',
      listenEndpoint,
      listenEndpoint('6432'),
    )
    .option('--grpc <endpoint>', 'where its control service listens', internalEndpoint)
    .option('--pooler <endpoint>', "a pooler's relay, where there is no topology", internalEndpoint)
    .addOption(new Option('--auth <method>', 'how clients log in').choices(['trust', 'scram']).default('scram'))
    .option('--auth-file <path>', 'check passwords against this file of "role" "secret" lines (implies --auth scram)')
    .option('--with-parent', 'end when standard input ends');
  return addLogOptions(addTopologyOptions(command)).action(run);
}

async function run(flags: Flags): Promise<void> {
  const world = hostWorld({ log: logOptions(flags) });
  const directory = directoryOf(world, flags);
  const config = {
    id: `${flags.cell}/${flags.id}`,
    listen: [flags.listen],
    auth: authPolicy(flags, world),
    limits: defaultGatewayLimits,
  };
  const target = poolerTarget(flags, directory);
  const gateway = await startGateway(world, config, target, controlOf(world, flags, directory)).catch(
    (error: unknown) => {
      if (!(error instanceof NetworkError)) throw error;
      throw new CliError(`the gateway cannot listen: ${error.message}`, { cause: error });
    },
  );
  world.telemetry.log.info('gateway is ready', { listen: formatEndpoint(gateway.endpoints[0] ?? flags.listen) });
  await Promise.race([shutdownAsked(), ...(flags.withParent ? [parentGone()] : [])]);
  await gateway.stop();
  process.exit(0);
}

function poolerTarget(flags: Flags, directory: Directory | undefined): PoolerTarget {
  if (flags.pooler !== undefined) return flags.pooler;
  if (directory !== undefined) return { kind: 'topology', directory, cell: flags.cell };
  throw new CliError('the gateway does not know where its pooler is', {
    hint: 'Give --topology-global, or --pooler with the address of a relay.',
  });
}

function authPolicy(flags: Flags, world: World): AuthPolicy {
  if (flags.authFile !== undefined) return readAuthFile(flags.authFile, world.random);
  return { kind: flags.auth };
}

function controlOf(world: World, flags: Flags, directory: Directory | undefined): GatewayControlSetup | undefined {
  if (flags.grpc === undefined) return undefined;
  return {
    config: { name: flags.id, cell: flags.cell, rpc: flags.grpc },
    rpc: new GrpcTransport(world),
    ...(directory && { directory }),
  };
}
