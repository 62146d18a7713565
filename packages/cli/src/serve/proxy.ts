import { formatEndpoint, NetworkError, type Endpoint } from '@multigres/core';
import { startGateway, type AuthPolicy, type GatewayConfig } from '@multigres/gateway';
import type { MetricsPeer } from '@multigres/host';
import { Command, Option } from 'commander';
import { CliError } from '../errors.ts';
import { needsLookUp } from './auth-options.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import { listenEndpoint, postgresEndpoint } from './endpoints.ts';
import { drainMs, gatewayConfig } from './gateway-options.ts';
import { notStarted, whyNotReady } from './gateway.ts';
import { operatorOf } from './operator.ts';
import { addLogOptions, logArguments } from './log-options.ts';
import { addMetricsOption, startMetrics } from './metrics-options.ts';
import { addPoolerOptions } from './pooler-options.ts';
import { poolerInChild, poolerInProcess, type PoolerSide } from './pooler-side.ts';
import { beginServing, type Serving } from './serving.ts';
import { addConfigOption, configArguments, drainOption, workersOption, type SettingFlags } from './settings.ts';
import type { Shutdown } from './shutdown.ts';
import { WorkerGateways } from './worker-gateways.ts';
import { addClientTlsOptions, addPostgresTlsOptions, Certificates, clientTlsArguments } from './tls-options.ts';

interface Flags extends SettingFlags {
  readonly singleProcess?: boolean;
}

/** The side of a proxy that clients see: a gateway in this process, or workers. */
interface Front {
  readonly listen: string;
  readonly peers: readonly MetricsPeer[];
  /** Resolves, with how, if a part of it could not even start. */
  readonly failed: Promise<string>;
  whyNotReady(stopping: boolean): string | undefined;
  /** New settings, which were checked: to be put into force by a call that cannot fail. */
  prepare(config: GatewayConfig): () => void;
  end(how: Shutdown): Promise<void>;
}

export function proxyCommand(): Command {
  const command = new Command('proxy')
    .description('a gateway and a pooler in front of an existing Postgres, without etcd')
    .option('--to <endpoint>', 'the Postgres: HOST:PORT, a socket path or its directory', postgresEndpoint)
    .option('--listen <endpoint>', 'PORT (on loopback) or HOST:PORT for clients (default: 6432)', listenEndpoint)
    .addOption(workersOption())
    .addOption(drainOption())
    .addOption(
      new Option(
        '--auth <method>',
        'trust (default): Postgres decides, and must trust the pooler; scram: clients prove their password',
      ).choices(['trust', 'scram']),
    )
    .option('--auth-file <path>', 'check passwords against this file of "role" "secret" lines (implies --auth scram)')
    .option('--hba-file <path>', 'let rules in the format of pg_hba.conf decide how clients log in')
    .option('--single-process', 'gateway and pooler in one process: lower latency, one core');
  addClientTlsOptions(addPostgresTlsOptions(command));
  return addConfigOption(addMetricsOption(addLogOptions(addPoolerOptions(command)))).action(run);
}

async function run(flags: Flags): Promise<void> {
  const serving = beginServing(flags, flags.singleProcess ? 'multigres-proxy' : 'multigres-gateway');
  const { world, settings, reloader, orders } = serving;
  const postgres = settings.postgres.address ?? noPostgres();
  const workers = settings.gateway.workers ?? 1;
  if (workers > 1 && flags.singleProcess)
    throw new CliError('a single process cannot have several workers', { hint: 'Leave out one of the two.' });
  // Before anything is started.
  configOf(settings);
  const certificates = new Certificates(world);
  const side = flags.singleProcess
    ? await poolerInProcess(serving, postgres, certificates)
    : poolerInChild(serving, postgres, flags);
  const front = await (
    workers > 1 ? workersInFront(serving, side, flags) : gatewayInFront(serving, side, certificates)
  ).catch(async (error: unknown) => {
    await side.stop();
    throw error;
  });
  reloader.onReload((from) => {
    const commits = [front.prepare(configOf(from)), side.prepare(from)];
    return () => {
      for (const commit of commits) commit();
      void certificates.renew();
    };
  });
  orders.onReload(() => reloader.reload());
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: flags.singleProcess ? 'proxy' : 'gateway',
    notReady: () => front.whyNotReady(stopping),
    peers: () => [...front.peers, ...side.peers],
  });
  world.telemetry.log.info('proxy is ready', { listen: front.listen, to: formatEndpoint(postgres) });
  const asked = await Promise.race([orders.shutdown, Promise.race([front.failed, side.failed]).then(failedOf)]);
  stopping = true;
  await front.end(asked === 'drain' ? 'drain' : 'stop');
  await side.stop();
  if (typeof asked === 'object')
    throw new CliError(`a process of the proxy did not start (${asked.how})`, { hint: 'Its last log lines say why.' });
  process.exit(0);
}

function failedOf(how: string): { readonly how: string } {
  return { how };
}

/** Throws a CliError if clients could never log in. */
function configOf(settings: ConfigFile): GatewayConfig {
  const config = gatewayConfig('local/gateway', settings, 'trust');
  checkSourceOfPasswords(config.auth, settings);
  return config;
}

function noPostgres(): never {
  throw new CliError('the proxy does not know where Postgres is', {
    hint: 'Give --to, or address in the section [postgres] of the configuration file.',
  });
}

function checkSourceOfPasswords(auth: AuthPolicy, settings: ConfigFile): void {
  if (!needsLookUp(auth) || settings.postgres.adminUser !== undefined) return;
  throw new CliError('clients are to prove passwords, and there is no source of them', {
    hint: 'Give --admin-user, a role that may read pg_authid, or --auth-file with the roles and their secrets.',
  });
}

async function gatewayInFront(serving: Serving, side: PoolerSide, certificates: Certificates): Promise<Front> {
  const { world, settings, reloader } = serving;
  const config = { ...configOf(settings), ...(await certificates.forClients(settings)) };
  const gateway = await startGateway(world, config, side.target).catch((error: unknown) => {
    throw error instanceof NetworkError ? cannotListen(config.listen[0] as Endpoint, error) : error;
  });
  gateway.useOperator(operatorOf(serving));
  return {
    listen: gateway.endpoints.map(formatEndpoint).join(', '),
    peers: [],
    failed: new Promise(() => {}),
    whyNotReady: (stopping) => whyNotReady(stopping, gateway.status()),
    prepare: (next) => () => gateway.adjust(next),
    end: (how) => (how === 'drain' ? gateway.drain(drainMs(reloader.settings)) : gateway.stop()),
  };
}

function cannotListen(endpoint: Endpoint, error: NetworkError): CliError {
  const hint = error.code === 'inUse' ? 'Give another port with --listen, or stop what is listening there.' : undefined;
  return new CliError(`cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`, { cause: error, hint });
}

async function workersInFront(serving: Serving, side: PoolerSide, flags: Flags): Promise<Front> {
  const { world, settings, orders } = serving;
  const listen = configOf(settings).listen[0] as Endpoint;
  const common = [
    ...['--pooler', formatEndpoint(side.relay as Endpoint), '--auth-default', 'trust'],
    ...[...configArguments(flags), ...gatewayArguments(flags), ...clientTlsArguments(flags), ...logArguments(flags)],
  ];
  const workers = new WorkerGateways(world, listen, {
    count: settings.gateway.workers ?? 1,
    argumentsOf: (number) => ['gateway', '--id', `gateway-${number}`, ...common],
    served: settings.telemetry.metrics !== undefined,
    heard: (word) => orders.ask(word),
  });
  await Promise.race([workers.ready, workers.failed.then(notStarted), side.failed.then(notStarted)]).catch(
    async (error: unknown) => {
      await workers.end('stop');
      throw error;
    },
  );
  return {
    listen: formatEndpoint(workers.listen),
    peers: workers.peers,
    failed: workers.failed,
    whyNotReady: (stopping) => workers.whyNotReady(stopping),
    prepare: () => () => workers.reload(),
    end: (how) => workers.end(how),
  };
}

/** What was said on the command line about gateways, for a worker. */
function gatewayArguments(flags: Flags): string[] {
  const said: readonly (readonly [string, string | number | undefined])[] = [
    ['--auth', flags.auth],
    ['--auth-file', flags.authFile],
    ['--hba-file', flags.hbaFile],
    ['--admin-user', flags.adminUser],
    ['--drain-timeout', flags.drainTimeout],
  ];
  return said.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
}
