import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatEndpoint, NetworkError, pipe, type Endpoint, type World } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type AuthPolicy, type PoolerTarget } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { startPooler } from '@multigres/pooler';
import { Command, Option } from 'commander';
import { CliError } from '../errors.ts';
import { readAuthFile } from './auth-options.ts';
import { startChild } from './child.ts';
import { listenEndpoint, postgresEndpoint } from './endpoints.ts';
import { addLogOptions, logArguments, logOptions, type LogFlags } from './log-options.ts';
import { addPoolerOptions, poolerArguments, poolerConfig, type PoolerOptions } from './pooler-options.ts';
import { shutdownAsked } from './shutdown.ts';

interface Flags extends PoolerOptions, LogFlags {
  readonly to: Endpoint;
  readonly listen: Endpoint;
  readonly auth: 'trust' | 'scram';
  readonly authFile?: string;
  readonly singleProcess?: boolean;
}

interface PoolerSide {
  readonly target: PoolerTarget;
  /** Resolves if it ends by itself, with how. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

export function proxyCommand(): Command {
  const command = new Command('proxy')
    .description('a gateway and a pooler in front of an existing Postgres, without etcd')
    .requiredOption('--to <endpoint>', 'the Postgres: HOST:PORT, a socket path or its directory', postgresEndpoint)
    .option(
      '--listen <endpoint>',
      'PORT (on loopback) or HOST:PORT for clients',
      listenEndpoint,
      listenEndpoint('6432'),
    )
    .addOption(
      new Option(
        '--auth <method>',
        'trust: Postgres decides, and must trust the pooler; scram: clients prove their password',
      )
        .choices(['trust', 'scram'])
        .default('trust'),
    )
    .option('--auth-file <path>', 'check passwords against this file of "role" "secret" lines (implies --auth scram)')
    .option('--single-process', 'gateway and pooler in one process: lower latency, one core');
  return addLogOptions(addPoolerOptions(command)).action(run);
}

async function run(flags: Flags): Promise<void> {
  const world = hostWorld({ log: logOptions(flags) });
  const shutdown = shutdownAsked();
  const auth = authPolicy(flags, world);
  const side = flags.singleProcess ? await poolerInProcess(world, flags) : poolerInChild(world, flags);
  const config = { id: 'local/gateway', listen: [flags.listen], auth, limits: defaultGatewayLimits };
  const gateway = await startGateway(world, config, side.target).catch(async (error: unknown) => {
    await side.stop();
    throw error instanceof NetworkError ? cannotListen(flags.listen, error) : error;
  });
  const [endpoint] = gateway.endpoints;
  world.telemetry.log.info('proxy is ready', {
    listen: formatEndpoint(endpoint ?? flags.listen),
    to: formatEndpoint(flags.to),
  });
  const failure = await Promise.race([shutdown.then(() => undefined), side.ended]);
  await gateway.stop();
  await side.stop();
  if (failure !== undefined)
    throw new CliError(`the pooler process ended by itself (${failure})`, { hint: 'Its last log lines say why.' });
  process.exit(0);
}

function authPolicy(flags: Flags, world: World): AuthPolicy {
  if (flags.authFile !== undefined) return readAuthFile(flags.authFile, world.random);
  if (flags.auth === 'trust') return { kind: 'trust' };
  if (flags.adminUser !== undefined) return { kind: 'scram' };
  throw new CliError('--auth scram needs a source of passwords', {
    hint: 'Give --admin-user, a role that may read pg_authid, or --auth-file with the roles and their secrets.',
  });
}

function cannotListen(endpoint: Endpoint, error: NetworkError): CliError {
  const hint = error.code === 'inUse' ? 'Give another port with --listen, or stop what is listening there.' : undefined;
  return new CliError(`cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`, { cause: error, hint });
}

async function poolerInProcess(world: World, flags: Flags): Promise<PoolerSide> {
  const pooler = await startPooler(world, poolerConfig('local/pooler', undefined, flags.to, flags));
  const target = async () => {
    const [ours, theirs] = pipe();
    pooler.accept(theirs);
    return ours;
  };
  return { target, ended: new Promise(() => {}), stop: () => pooler.stop() };
}

/** Two processes and a Unix socket between them, in a folder that only we can enter. */
function poolerInChild(world: World, flags: Flags): PoolerSide {
  const folder = mkdtempSync(join(tmpdir(), 'multigres-proxy-'));
  const path = join(folder, 'relay');
  const args = ['pooler', '--id', 'local/pooler', '--relay', path, '--postgres', formatEndpoint(flags.to)];
  const child = startChild([...args, ...poolerArguments(flags), ...logArguments(flags)]);
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    child.stop();
    await child.ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const ended = child.ended.then((how) => (stopping ? new Promise<string>(() => {}) : how));
  return { target: () => world.network.connect({ kind: 'unix', path }, { timeoutMs: 5_000 }), ended, stop };
}
