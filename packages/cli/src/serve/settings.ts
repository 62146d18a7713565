import { resolve } from 'node:path';
import { parseDurationMs, type Endpoint, type LogLevel } from '@multigres/core';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { TlsFlags } from './tls-options.ts';
import { wholeNumber } from '../option-values.ts';
import { loadConfigFile, noConfigFile, type ConfigFile } from './config-file/config-file.ts';

/** Flags that say the same as settings of the configuration file; what was not given is undefined, so that the file may say it. */
export interface SettingFlags extends TlsFlags {
  /** The configuration file. */
  readonly config?: string;
  readonly listen?: Endpoint;
  readonly workers?: number;
  /** The Postgres behind: `--to` of `proxy`, `--postgres` of `pooler`. */
  readonly to?: Endpoint;
  readonly postgres?: Endpoint;
  readonly auth?: 'trust' | 'scram';
  readonly authFile?: string;
  readonly hbaFile?: string;
  readonly poolSize?: number;
  readonly backendsMax?: number;
  readonly adminUser?: string;
  readonly adminDatabase?: string;
  readonly metrics?: Endpoint;
  readonly drainTimeout?: number;
  readonly logLevel?: LogLevel;
  readonly logFormat?: 'json' | 'text';
}

export function addConfigOption(command: Command): Command {
  return command.option('--config <file>', 'read what is not given here from this TOML file; read again on SIGHUP');
}

/** The same file for a child process. */
export function configArguments(flags: SettingFlags): string[] {
  return flags.config === undefined ? [] : ['--config', flags.config];
}

export function workersOption(): Option {
  return new Option(
    '--workers <n>',
    'gateway processes that share the port, on Linux (default: 1); each has limits of its own, the pooler is one for all',
  ).argParser(wholeNumber(1, 256));
}

export function drainOption(): Option {
  return new Option(
    '--drain-timeout <duration>',
    'how long transactions may go on after SIGTERM (default: 30s; SIGINT does not wait)',
  ).argParser((text) => {
    const ms = parseDurationMs(text);
    if (ms === undefined) throw new InvalidArgumentError(`"${text}" is no duration, such as 30s.`);
    return ms;
  });
}

/** What the file says, if there is one, where the flags say nothing. Throws a CliError if the file cannot be used. */
export function readSettings(flags: SettingFlags): ConfigFile {
  const file = flags.config === undefined ? noConfigFile : loadConfigFile(flags.config);
  const tls = tlsSettings(flags);
  return {
    ...file,
    tls: { ...file.tls, ...tls.tls },
    postgres_tls: { ...file.postgres_tls, ...tls.postgres_tls },
    relay_tls: { ...file.relay_tls, ...tls.relay_tls },
    gateway: { ...file.gateway, ...given({ listen: flags.listen, workers: flags.workers }) },
    postgres: {
      ...file.postgres,
      ...given({
        address: flags.to ?? flags.postgres,
        adminUser: flags.adminUser,
        adminDatabase: flags.adminDatabase,
      }),
    },
    auth: { ...file.auth, ...given({ method: flags.auth, usersFile: flags.authFile, hbaFile: flags.hbaFile }) },
    timeouts: { ...file.timeouts, ...given({ drainTimeout: flags.drainTimeout }) },
    pool: { ...file.pool, ...given({ size: flags.poolSize, backendsMax: flags.backendsMax }) },
    telemetry: { ...file.telemetry, ...given({ metrics: flags.metrics }) },
    log: { ...file.log, ...given({ level: flags.logLevel, format: flags.logFormat }) },
  };
}

/** Without what is undefined. */
export function given<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

/** What the flags say, in the words of the configuration file. */
function tlsSettings(flags: TlsFlags): Pick<ConfigFile, 'tls' | 'postgres_tls' | 'relay_tls'> {
  return {
    tls: given({
      mode: flags.tlsMode,
      certificate: absolute(flags.tlsCert),
      key: absolute(flags.tlsKey),
      clientCa: absolute(flags.tlsClientCa),
    }),
    postgres_tls: given({
      mode: flags.postgresTlsMode,
      rootCertificate: absolute(flags.postgresRootCert),
      certificate: absolute(flags.postgresCert),
      key: absolute(flags.postgresKey),
    }),
    relay_tls: given({
      certificate: absolute(flags.relayTlsCert),
      key: absolute(flags.relayTlsKey),
      ca: absolute(flags.relayTlsCa),
    }),
  };
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}
