import { DiskError, NetworkError, TlsFiles, type TlsFileNames, type World } from '@multigres/core';
import type { GatewayTls } from '@multigres/gateway';
import type { PostgresTls } from '@multigres/pooler';
import { Option, type Command } from 'commander';
import { CliError } from '../errors.ts';
import type { ConfigFile } from './config-file/config-file.ts';

/** Flags about certificates; paths as they were given. */
export interface TlsFlags {
  readonly tlsMode?: 'disable' | 'allow' | 'require';
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly postgresTlsMode?: PostgresTls['mode'];
  readonly postgresRootCert?: string;
  readonly postgresCert?: string;
  readonly postgresKey?: string;
  readonly relayTlsCert?: string;
  readonly relayTlsKey?: string;
  readonly relayTlsCa?: string;
}

/** For who takes connections of clients. */
export function addClientTlsOptions(command: Command): Command {
  return command
    .option('--tls-cert <path>', 'certificate (PEM) for clients that ask for TLS; read again on SIGHUP')
    .option('--tls-key <path>', 'its private key')
    .option('--tls-client-ca <path>', 'ask clients for certificates, which these authorities must have issued')
    .addOption(
      new Option(
        '--tls-mode <mode>',
        'require: refuse clients without TLS (default: allow, if there is a certificate)',
      ).choices(['disable', 'allow', 'require']),
    );
}

/** For who connects to Postgres. */
export function addPostgresTlsOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--postgres-tls-mode <mode>',
        "as libpq's sslmode (default: verify-full with a root certificate, else disable)",
      ).choices(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']),
    )
    .option('--postgres-root-cert <path>', 'who must have issued the certificate of Postgres (PEM)')
    .option('--postgres-cert <path>', 'certificate to show to Postgres')
    .option('--postgres-key <path>', 'its private key');
}

/** For both ends of links between gateways and poolers. */
export function addRelayTlsOptions(command: Command): Command {
  return command
    .option('--relay-tls-cert <path>', 'certificate for links over TCP; both ends need one')
    .option('--relay-tls-key <path>', 'its private key')
    .option('--relay-tls-ca <path>', "who must have issued the other end's certificate");
}

/** The flags about Postgres as arguments, for a child process. */
export function postgresTlsArguments(flags: TlsFlags): string[] {
  const { postgresTlsMode, postgresRootCert, postgresCert, postgresKey } = flags;
  const values = {
    '--postgres-tls-mode': postgresTlsMode,
    '--postgres-root-cert': postgresRootCert,
    '--postgres-cert': postgresCert,
    '--postgres-key': postgresKey,
  };
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}

/** The flags about clients as arguments, for a child process. */
export function clientTlsArguments(flags: TlsFlags): string[] {
  const { tlsMode, tlsCert, tlsKey, tlsClientCa } = flags;
  const values = {
    '--tls-mode': tlsMode,
    '--tls-cert': tlsCert,
    '--tls-key': tlsKey,
    '--tls-client-ca': tlsClientCa,
  };
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}

/** All certificates that a process uses. */
export class Certificates {
  readonly #world: World;
  readonly #files: { readonly what: string; readonly files: TlsFiles }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** TLS for clients. Throws a CliError if its files cannot be used. */
  async forClients({ tls }: ConfigFile): Promise<{ readonly tls?: GatewayTls }> {
    const { mode = tls.certificate === undefined ? 'disable' : 'allow', certificate, key, clientCa } = tls;
    if (mode === 'disable') return {};
    if (certificate === undefined || key === undefined)
      throw new CliError('TLS for clients needs a certificate and its key', {
        hint: 'Give --tls-cert and --tls-key, or certificate and key in the section [tls].',
      });
    const files = await this.#load('clients', { certificate, key, authorities: clientCa });
    return { tls: { mode, context: files.context } };
  }

  /** TLS towards Postgres; as in libpq, `require` with a root certificate verifies. */
  async forPostgres({ postgres_tls }: ConfigFile): Promise<{ readonly postgresTls?: PostgresTls }> {
    const { rootCertificate, certificate, key } = postgres_tls;
    const { mode = rootCertificate === undefined ? 'disable' : 'verify-full' } = postgres_tls;
    if (mode === 'disable') return {};
    if (rootCertificate === undefined && mode.startsWith('verify'))
      throw new CliError(`${mode} needs a root certificate to verify the certificate of Postgres with`, {
        hint: 'Give --postgres-root-cert, or root_certificate in the section [postgres_tls].',
      });
    const files = await this.#load('Postgres', { certificate, key, authorities: rootCertificate });
    const verified = mode === 'require' && rootCertificate !== undefined ? 'verify-ca' : mode;
    return { postgresTls: { mode: verified, context: files.context } };
  }

  /** TLS between gateway and pooler. */
  async forRelay({
    relay_tls,
  }: ConfigFile): Promise<{ readonly relayTls?: { readonly context: TlsFiles['context'] } }> {
    const { certificate, key, ca } = relay_tls;
    if (certificate === undefined && key === undefined && ca === undefined) return {};
    if (certificate === undefined || key === undefined || ca === undefined)
      throw new CliError('TLS between gateway and pooler needs a certificate, its key and an authority', {
        hint: 'Give --relay-tls-cert, --relay-tls-key and --relay-tls-ca, at both ends.',
      });
    const files = await this.#load('links', { certificate, key, authorities: ca });
    return { relayTls: { context: files.context } };
  }

  /** Reads them again. What cannot be used is logged, and changes nothing. */
  async renew(): Promise<void> {
    const { log } = this.#world.telemetry;
    for (const { what, files } of this.#files) {
      try {
        await files.reload();
        log.info('certificates were read again', { for: what });
      } catch (error) {
        log.error('certificates stay what they were', { for: what, reason: asCliError(error, what).message });
      }
    }
  }

  async #load(what: string, names: TlsFileNames): Promise<TlsFiles> {
    try {
      const files = await TlsFiles.load(this.#world, names);
      this.#files.push({ what, files });
      return files;
    } catch (error) {
      throw asCliError(error, what);
    }
  }
}

function asCliError(error: unknown, what: string): CliError {
  if (!(error instanceof DiskError || error instanceof NetworkError)) throw error;
  return new CliError(`cannot use the certificates for ${what}: ${error.message}`, { cause: error });
}
