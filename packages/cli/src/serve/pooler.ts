import { formatEndpoint, NetworkError, type Endpoint } from '@multigres/core';
import { GrpcTransport } from '@multigres/host';
import { startPooler, type PoolerControlSetup } from '@multigres/pooler';
import type { World } from '@multigres/core';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import { internalEndpoint, postgresEndpoint } from './endpoints.ts';
import { hostWorldOf } from './host-options.ts';
import { addLogOptions } from './log-options.ts';
import { addPoolerOptions, poolerConfig } from './pooler-options.ts';
import { addConfigOption, readSettings, type SettingFlags } from './settings.ts';
import { addMetricsOption, startMetrics } from './metrics-options.ts';
import { parentGone, shutdownAsked } from './shutdown.ts';
import { addPostgresTlsOptions, addRelayTlsOptions, Certificates } from './tls-options.ts';
import { addTopologyOptions, directoryOf, type TopologyFlags } from './topology-options.ts';

interface Flags extends SettingFlags, TopologyFlags {
  readonly id: string;
  readonly relay: Endpoint;
  readonly grpc?: Endpoint;
  readonly withParent?: boolean;
}

export function poolerCommand(): Command {
  const command = new Command('pooler')
    .description('share few backends of the Postgres beside it between the sessions of gateways')
    .requiredOption('--id <name>', 'name, unique in its cell')
    .requiredOption(
      '--relay <endpoint>',
      'where gateways connect for queries: HOST:PORT or a socket path',
      internalEndpoint,
    )
    .option('--postgres <endpoint>', 'the Postgres beside it: HOST:PORT or a socket path', postgresEndpoint)
    .option('--grpc <endpoint>', 'where its control service listens', internalEndpoint)
    .option('--with-parent', 'end when standard input ends');
  addRelayTlsOptions(addPostgresTlsOptions(command));
  return addConfigOption(addMetricsOption(addLogOptions(addTopologyOptions(addPoolerOptions(command))))).action(run);
}

async function run(flags: Flags): Promise<void> {
  const settings = readSettings(flags);
  const postgres = settings.postgres.address ?? noPostgres();
  const world = hostWorldOf(settings, 'multigres-pooler');
  const config = poolerConfig(`${flags.cell}/${flags.id}`, flags.relay, postgres, settings);
  const certificates = new Certificates(world);
  const tls = { ...(await certificates.forPostgres(settings)), ...(await certificates.forRelay(settings)) };
  certificates.renewOnHangup();
  const pooler = await startPooler(world, { ...config, ...tls }, controlOf(world, flags)).catch((error: unknown) => {
    if (!(error instanceof NetworkError)) throw error;
    throw new CliError(`the pooler cannot listen: ${error.message}`, { cause: error });
  });
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: 'pooler',
    notReady: () => (stopping ? 'shutting down' : undefined),
  });
  world.telemetry.log.info('pooler is ready', {
    relay: formatEndpoint(flags.relay),
    postgres: formatEndpoint(postgres),
  });
  await Promise.race([shutdownAsked(), ...(flags.withParent ? [parentGone()] : [])]);
  stopping = true;
  await pooler.stop();
  process.exit(0);
}

function noPostgres(): never {
  throw new CliError('the pooler does not know where its Postgres is', {
    hint: 'Give --postgres, or address in the section [postgres] of the configuration file.',
  });
}

function controlOf(world: World, flags: Flags): PoolerControlSetup | undefined {
  if (flags.grpc === undefined) return undefined;
  const directory = directoryOf(world, flags);
  return {
    config: {
      name: flags.id,
      cell: flags.cell,
      shard: { database: 'postgres', tableGroup: 'default', shard: '0' },
      rpc: flags.grpc,
    },
    rpc: new GrpcTransport(world),
    ...(directory && { directory }),
  };
}
