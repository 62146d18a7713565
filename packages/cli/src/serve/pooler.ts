import { formatEndpoint, type Endpoint } from '@multigres/core';
import { hostWorld } from '@multigres/host';
import { startPooler } from '@multigres/pooler';
import { Command } from 'commander';
import { internalEndpoint, postgresEndpoint } from './endpoints.ts';
import { addLogOptions, logOptions, type LogFlags } from './log-options.ts';
import { addPoolerOptions, poolerConfig, type PoolerOptions } from './pooler-options.ts';
import { poolerControl, type PoolerControlFlags } from './pooler-control.ts';
import { parentGone, shutdownAsked } from './shutdown.ts';

interface Flags extends PoolerOptions, LogFlags, PoolerControlFlags {
  readonly relay: Endpoint;
  readonly postgres: Endpoint;
  readonly withParent?: boolean;
}

export function poolerCommand(): Command {
  const command = new Command('pooler')
    .description('share few backends of the Postgres beside it between the sessions of gateways')
    .requiredOption('--id <name>', 'component id')
    .option('--cell <name>', 'cell it belongs to', 'local')
    .requiredOption(
      '--relay <endpoint>',
      'where gateways connect for queries: HOST:PORT or a socket path',
      internalEndpoint,
    )
    .requiredOption('--postgres <endpoint>', 'the Postgres beside it: HOST:PORT or a socket path', postgresEndpoint)
    .option('--grpc <endpoint>', 'where its control service listens', internalEndpoint)
    .option('--topology-global <url>', 'etcd of the whole cluster')
    .option('--topology-cell <url>', 'etcd of the cell')
    .option('--with-parent', 'end when standard input ends');
  return addLogOptions(addPoolerOptions(command)).action(run);
}

async function run(flags: Flags): Promise<void> {
  const world = hostWorld({ log: logOptions(flags) });
  const pooler = await startPooler(world, poolerConfig(flags.id, flags.relay, flags.postgres, flags));
  const control = await poolerControl(world, pooler, flags);
  world.telemetry.log.info('pooler is ready', {
    relay: formatEndpoint(flags.relay),
    postgres: formatEndpoint(flags.postgres),
  });
  await Promise.race([shutdownAsked(), ...(flags.withParent ? [parentGone()] : [])]);
  await control?.stop();
  await pooler.stop();
  process.exit(0);
}
