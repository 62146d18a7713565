import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Endpoint } from '@multigres/core';
import { ensureTool } from '@multigres/host';
import { unprivilegedAccount } from '../cluster/unprivileged.ts';
import { freePort } from './serving-process.ts';

const usualHba = [
  'host all,replication postgres 127.0.0.1/32 trust',
  'host all,replication all 127.0.0.1/32 scram-sha-256',
];

export interface PostgresOptions {
  readonly version?: 'postgres-17' | 'postgres-18';
  /** More files in the data directory, by name: certificates and keys. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A Postgres for a test, in a folder of its own. Hosts: `postgres` is trusted, everybody else proves a SCRAM password. */
export class OwnPostgres {
  readonly endpoint: Endpoint & { readonly kind: 'tcp' };
  readonly #bin: string;
  readonly #folder: string;
  readonly #account: { readonly uid?: number; readonly gid?: number };
  #server: ChildProcess | undefined;

  readonly #settings: readonly string[];

  private constructor(bin: string, folder: string, port: number, settings: readonly string[]) {
    this.#bin = bin;
    this.#settings = settings;
    this.#folder = folder;
    this.endpoint = { kind: 'tcp', host: '127.0.0.1', port };
    const account = unprivilegedAccount();
    this.#account = account === undefined ? {} : { uid: account.uid, gid: account.gid };
  }

  /** `settings`: more of them, as `name=value`. `hba`: lines of pg_hba.conf in place of the usual ones. */
  static async make(
    settings: readonly string[] = [],
    hba: readonly string[] = usualHba,
    more: PostgresOptions = {},
  ): Promise<OwnPostgres> {
    const { bin } = await ensureTool(more.version ?? 'postgres-17');
    const postgres = new OwnPostgres(bin, mkdtempSync('/tmp/multigres-test-'), await freePort(), settings);
    postgres.#initialize(hba);
    for (const [name, content] of Object.entries(more.files ?? {})) postgres.#addFile(name, content);
    await postgres.start();
    return postgres;
  }

  async start(): Promise<void> {
    const { port } = this.endpoint;
    const settings = [
      'fsync=off',
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      'max_prepared_transactions=5',
      ...this.#settings,
    ];
    const server = spawn(
      path.join(this.#bin, 'postgres'),
      ['-D', this.#data, '-k', this.#folder, ...settings.flatMap((setting) => ['-c', setting])],
      { ...this.#account, cwd: this.#folder, env: {}, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      let said = '';
      let started = false;
      server.once('exit', () => reject(new Error(`Postgres did not start: ${said}`)));
      server.stderr?.on('data', (bytes: Buffer) => {
        // Later it logs whole statements, of many megabytes.
        if (started) return;
        said += bytes.toString();
        started = said.includes('ready to accept connections');
        if (started) resolve();
      });
    });
  }

  /** Ends it at once; what was open is rolled back. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGINT');
    await gone;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Its Unix socket; the usual rules let nobody in there. */
  get socket(): string {
    return path.join(this.#folder, `.s.PGSQL.${this.endpoint.port}`);
  }

  /** The folder of its programs. */
  get bin(): string {
    return this.#bin;
  }

  get #data(): string {
    return path.join(this.#folder, 'data');
  }

  /** Only its account may read it, as Postgres demands of keys. */
  #addFile(name: string, content: string): void {
    const file = path.join(this.#data, name);
    writeFileSync(file, content, { mode: 0o600 });
    if (this.#account.uid !== undefined) chownSync(file, this.#account.uid, this.#account.gid ?? 0);
  }

  #initialize(hba: readonly string[]): void {
    if (this.#account.uid !== undefined) chownSync(this.#folder, this.#account.uid, this.#account.gid ?? 0);
    const options = ['-D', this.#data, '-U', 'postgres', '-A', 'trust', '-N', '--locale=C', '-E', 'UTF8'];
    execFileSync(path.join(this.#bin, 'initdb'), options, {
      ...this.#account,
      cwd: this.#folder,
      env: {},
      stdio: 'pipe',
    });
    writeFileSync(path.join(this.#data, 'pg_hba.conf'), `${hba.join('\n')}\n`);
  }
}
