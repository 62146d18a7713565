import { formatEndpoint, NetworkError, type Endpoint } from '@multigres/core';
import { GrpcTransport } from '@multigres/host';
import { startPooler, type PoolerConfig, type PoolerControlSetup } from '@multigres/pooler';
import type { World } from '@multigres/core';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import { internalEndpoint, postgresEndpoint } from './endpoints.ts';
import { addLogOptions } from './log-options.ts';
import { asPgError } from './operator.ts';
import { addMemberOptions, memberConfig, type MemberFlags } from './member-options.ts';
import { addPoolerOptions, poolerConfig } from './pooler-options.ts';
import { drainMs } from './gateway-options.ts';
import { addConfigOption, drainOption, given, type SettingFlags } from './settings.ts';
import { addMetricsOption, startMetrics } from './metrics-options.ts';
import { beginServing, withParentOption } from './serving.ts';
import { addPostgresTlsOptions, addRelayTlsOptions, Certificates } from './tls-options.ts';
import { addTopologyOptions, directoryOf, type TopologyFlags } from './topology-options.ts';

interface Flags extends SettingFlags, TopologyFlags, MemberFlags {
  readonly id: string;
  readonly relay: Endpoint;
  readonly grpc?: Endpoint;
  readonly advertiseRelay?: Endpoint;
  readonly advertiseGrpc?: Endpoint;
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
    .option('--advertise-relay <endpoint>', 'where gateways reach the relay, if not where it listens', internalEndpoint)
    .option('--advertise-grpc <endpoint>', 'where others reach its services, if not there', internalEndpoint)
    .addOption(drainOption())
    .addOption(withParentOption());
  addMemberOptions(addRelayTlsOptions(addPostgresTlsOptions(command)));
  return addConfigOption(addMetricsOption(addLogOptions(addTopologyOptions(addPoolerOptions(command))))).action(run);
}

async function run(flags: Flags): Promise<void> {
  const { world, settings, reloader, orders } = beginServing(flags, 'multigres-pooler');
  const postgres = settings.postgres.address ?? noPostgres();
  const configOf = (from: ConfigFile): PoolerConfig =>
    poolerConfig(`${flags.cell}/${flags.id}`, flags.relay, postgres, from);
  const config = configOf(settings);
  const member = memberConfig(flags, settings.postgres.adminUser);
  const certificates = new Certificates(world);
  const tls = { ...(await certificates.forPostgres(settings)), ...(await certificates.forRelay(settings)) };
  const pooler = await startPooler(
    world,
    { ...config, ...tls, ...(member && { member }) },
    controlOf(world, flags),
  ).catch((error: unknown) => {
    if (!(error instanceof NetworkError)) throw error;
    throw new CliError(`the pooler cannot listen: ${error.message}`, { cause: error });
  });
  reloader.onReload((from) => {
    const next = configOf(from);
    return () => {
      pooler.adjust(next);
      void certificates.renew();
    };
  });
  orders.onReload(() => reloader.reload());
  pooler.operations.reload = async () => {
    await reloader.reload().catch(asPgError);
  };
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: 'pooler',
    notReady: () => (stopping ? 'shutting down' : undefined),
  });
  world.telemetry.log.info('pooler is ready', {
    relay: formatEndpoint(flags.relay),
    postgres: formatEndpoint(postgres),
  });
  orders.ready();
  const how = await orders.shutdown;
  stopping = true;
  await (how === 'drain' ? pooler.drain(drainMs(reloader.settings)) : pooler.stop());
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
      advertised: given({ relay: flags.advertiseRelay, rpc: flags.advertiseGrpc }),
    },
    rpc: new GrpcTransport(world),
    ...(directory && { directory }),
  };
}
