import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatEndpoint, NetworkError, pipe, type Endpoint, type World } from '@multigres/core';
import { startGateway, type AuthPolicy, type PoolerTarget } from '@multigres/gateway';
import type { MetricsPeer } from '@multigres/host';
import { startPooler, type PoolerConfig } from '@multigres/pooler';
import { Command, Option } from 'commander';
import { CliError } from '../errors.ts';
import { needsLookUp } from './auth-options.ts';
import { startChild } from './child.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import { listenEndpoint, postgresEndpoint } from './endpoints.ts';
import { drainMs, gatewayConfig } from './gateway-options.ts';
import { hostWorldOf } from './host-options.ts';
import { addLogOptions, logArguments } from './log-options.ts';
import { addMetricsOption, startMetrics } from './metrics-options.ts';
import { whyNotReady } from './gateway.ts';
import { addPoolerOptions, poolerArguments, poolerConfig } from './pooler-options.ts';
import { addConfigOption, drainOption, readSettings, type SettingFlags } from './settings.ts';
import { shutdownAsked } from './shutdown.ts';
import { addClientTlsOptions, addPostgresTlsOptions, Certificates, postgresTlsArguments } from './tls-options.ts';

interface Flags extends SettingFlags {
  readonly singleProcess?: boolean;
}

interface PoolerSide {
  readonly target: PoolerTarget;
  /** The processes beside this one that have metrics. */
  readonly peers: readonly MetricsPeer[];
  /** Resolves if it ends by itself, with how. */
  readonly ended: Promise<string>;
  /** Its certificates are to be read again. */
  readonly renew: () => void;
  stop(): Promise<void>;
}

export function proxyCommand(): Command {
  const command = new Command('proxy')
    .description('a gateway and a pooler in front of an existing Postgres, without etcd')
    .option('--to <endpoint>', 'the Postgres: HOST:PORT, a socket path or its directory', postgresEndpoint)
    .option('--listen <endpoint>', 'PORT (on loopback) or HOST:PORT for clients (default: 6432)', listenEndpoint)
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
  const settings = readSettings(flags);
  const postgres = settings.postgres.address ?? noPostgres();
  const world = hostWorldOf(settings, flags.singleProcess ? 'multigres-proxy' : 'multigres-gateway');
  const shutdown = shutdownAsked();
  const config = gatewayConfig('local/gateway', settings, 'trust');
  checkSourceOfPasswords(config.auth, settings);
  const certificates = new Certificates(world);
  const tls = await certificates.forClients(settings);
  const postgresTls = await certificates.forPostgres(settings);
  const side = flags.singleProcess
    ? await poolerInProcess(world, { ...poolerConfig('local/pooler', undefined, postgres, settings), ...postgresTls })
    : poolerInChild(world, postgres, flags, settings);
  const gateway = await startGateway(world, { ...config, ...tls }, side.target).catch(async (error: unknown) => {
    await side.stop();
    throw error instanceof NetworkError ? cannotListen(config.listen[0] as Endpoint, error) : error;
  });
  // The child has files of its own to read again; here they were only looked at.
  certificates.renewOnHangup();
  process.on('SIGHUP', side.renew);
  let stopping = false;
  await startMetrics(world, settings.telemetry.metrics, {
    process: flags.singleProcess ? 'proxy' : 'gateway',
    notReady: () => whyNotReady(stopping, gateway.status()),
    peers: () => side.peers,
  });
  world.telemetry.log.info('proxy is ready', {
    listen: gateway.endpoints.map(formatEndpoint).join(', '),
    to: formatEndpoint(postgres),
  });
  const asked = await Promise.race([shutdown, side.ended]);
  stopping = true;
  await (asked === 'SIGTERM' ? gateway.drain(drainMs(settings)) : gateway.stop());
  await side.stop();
  if (asked !== 'SIGTERM' && asked !== 'SIGINT')
    throw new CliError(`the pooler process ended by itself (${asked})`, { hint: 'Its last log lines say why.' });
  process.exit(0);
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

function cannotListen(endpoint: Endpoint, error: NetworkError): CliError {
  const hint = error.code === 'inUse' ? 'Give another port with --listen, or stop what is listening there.' : undefined;
  return new CliError(`cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`, { cause: error, hint });
}

async function poolerInProcess(world: World, config: PoolerConfig): Promise<PoolerSide> {
  const pooler = await startPooler(world, config);
  const target = async () => {
    const [ours, theirs] = pipe();
    pooler.accept(theirs);
    return ours;
  };
  return { target, peers: [], ended: new Promise(() => {}), renew: () => {}, stop: () => pooler.stop() };
}

/** Two processes and a Unix socket between them, in a folder that only we can enter. */
function poolerInChild(world: World, postgres: Endpoint, flags: Flags, settings: ConfigFile): PoolerSide {
  const folder = mkdtempSync(join(tmpdir(), 'multigres-proxy-'));
  const path = join(folder, 'relay');
  const args = ['pooler', '--id', 'local/pooler', '--relay', path, '--postgres', formatEndpoint(postgres)];
  const config = flags.config === undefined ? [] : ['--config', flags.config];
  const metrics: Endpoint = { kind: 'unix', path: join(folder, 'metrics') };
  const served = settings.telemetry.metrics !== undefined;
  const metricsArguments = served ? ['--metrics', metrics.path] : [];
  const child = startChild([
    ...args,
    ...config,
    ...metricsArguments,
    ...poolerArguments(flags),
    ...postgresTlsArguments(flags),
    ...logArguments(flags),
  ]);
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    child.stop();
    await child.ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const ended = child.ended.then((how) => (stopping ? new Promise<string>(() => {}) : how));
  return {
    target: () => world.network.connect({ kind: 'unix', path }, { timeoutMs: 5_000 }),
    peers: served ? [{ process: 'pooler', endpoint: metrics }] : [],
    ended,
    renew: () => child.renew(),
    stop,
  };
}
