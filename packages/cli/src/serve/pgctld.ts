import { readFileSync } from 'node:fs';
import { NetworkError, type Endpoint } from '@multigres/core';
import { GrpcTransport, hostWorld } from '@multigres/host';
import { defaultLimits, startPgctld, type PgctldConfig } from '@multigres/pgctld';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CliError } from '../errors.ts';
import { absolutePath, wholeNumber } from '../option-values.ts';
import { internalEndpoint } from './endpoints.ts';
import { addLogOptions, logOptions, type LogFlags } from './log-options.ts';
import { given } from './settings.ts';
import { takeOrders } from './shutdown.ts';

interface Flags extends LogFlags {
  readonly id: string;
  readonly directory: string;
  readonly binDirectory: string;
  readonly socketDirectory: string;
  readonly port: number;
  readonly listenAddresses: readonly string[];
  readonly maxConnections: number;
  readonly grpc: Endpoint;
  readonly passwordFile?: string;
  readonly runAs?: { readonly uid: number; readonly gid: number };
  readonly keepRunning: boolean;
  readonly member: boolean;
  readonly replicationPasswordFile?: string;
}

function socketPath(text: string): string {
  if (Buffer.byteLength(absolutePath(text)) > 90) {
    throw new InvalidArgumentError('Give a shorter path: with the name of the socket it must fit into 107 bytes.');
  }
  return text;
}

function account(text: string): { readonly uid: number; readonly gid: number } {
  const match = /^(\d+):(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('Give numbers: UID:GID.');
  return { uid: Number(match[1]), gid: Number(match[2]) };
}

/** `multigres pgctld`: hands on one Postgres data directory. It stays in the foreground; Postgres outlives it. */
export function pgctldCommand(): Command {
  const command = new Command('pgctld')
    .description('Initialize, start and stop one Postgres, as told over gRPC.')
    .requiredOption('--id <name>', 'name of this Postgres in logs')
    .requiredOption('--directory <path>', 'home; the data directory is "data" inside', absolutePath)
    .requiredOption('--bin-directory <path>', 'where initdb and postgres are', absolutePath)
    .requiredOption('--socket-directory <path>', 'where Postgres makes its Unix socket', socketPath)
    .requiredOption('--port <number>', 'port of Postgres', wholeNumber(1, 65_535))
    .requiredOption('--grpc <endpoint>', 'where to listen for commands: HOST:PORT or a socket path', internalEndpoint)
    .addOption(
      new Option('--listen-addresses <list>', 'addresses for Postgres besides the socket, separated by commas')
        .argParser((text) => text.split(',').filter((address) => address !== ''))
        .default([], 'none'),
    )
    .option('--max-connections <number>', 'limit of Postgres', wholeNumber(10, 10_000), 100)
    .option('--password-file <path>', 'password of the superuser, for a data directory that is made', absolutePath)
    .option('--run-as <uid:gid>', 'who runs Postgres, when root runs this', account)
    .option('--member', 'one of several that keep a shard: always starts as a standby', false)
    .option(
      '--replication-password-file <path>',
      'password of the role multigres_replication, with which members copy and follow each other',
      absolutePath,
    )
    .option('--keep-running', 'start Postgres again when it has ended unasked', false);
  return addLogOptions(command).action((flags: Flags) => servePgctld(flags));
}

function configOf(flags: Flags): PgctldConfig {
  const { id, directory, binDirectory, socketDirectory, port, listenAddresses, maxConnections, keepRunning } = flags;
  const { passwordFile, runAs, member, replicationPasswordFile } = flags;
  return {
    ...{ id, directory, binDirectory, socketDirectory, port, listenAddresses, maxConnections, keepRunning, member },
    pid: process.pid,
    limits: defaultLimits,
    ...(passwordFile === undefined ? {} : { superuserPassword: passwordIn(passwordFile) }),
    ...(replicationPasswordFile === undefined ? {} : { replicationPassword: passwordIn(replicationPasswordFile) }),
    ...(runAs === undefined ? {} : { runAs }),
  };
}

function passwordIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CliError(`cannot read the password file: ${(error as Error).message}`, { cause: error });
  }
}

async function servePgctld(flags: Flags): Promise<void> {
  if (process.geteuid?.() === 0 && flags.runAs === undefined) {
    throw new CliError('Postgres does not run as root', { hint: 'Name somebody else: --run-as UID:GID.' });
  }
  const world = hostWorld({ log: logOptions(given({ level: flags.logLevel, format: flags.logFormat })) });
  const terminated = takeOrders().shutdown;
  try {
    const pgctld = await startPgctld({ world, rpc: new GrpcTransport(world) }, configOf(flags), flags.grpc);
    world.telemetry.log.info('pgctld is ready', { id: flags.id, version: pgctld.version.text });
    await terminated;
    await pgctld.close();
    process.exit(0);
  } catch (error) {
    if (error instanceof NetworkError) {
      throw new CliError(error.message, { hint: 'Choose another address: --grpc ENDPOINT.', cause: error });
    }
    throw error;
  }
}
