import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Endpoint } from '@multigres/core';
import { ensureTool, GrpcTransport, hostWorld } from '@multigres/host';
import { defaultLimits, startPgctld, type Pgctld, type PgctldConfig } from '@multigres/pgctld';
import { defaultPoolerLimits, startPooler, type Pooler } from '@multigres/pooler';
import {
  client,
  create,
  endpointMessage,
  MemberService,
  PoolerService,
  ShardKeySchema,
  type MemberId,
  type MemberStatus,
  type RpcClient,
  type EndpointMessage,
  type ShardKey,
} from '@multigres/rpc';
import { unprivilegedAccount } from '../cluster/unprivileged.ts';
import { freePort } from './serving-process.ts';
import { SqlClient } from './sql-client.ts';

const world = hostWorld({ log: { level: process.env['MEMBER_LOG'] === undefined ? 'error' : 'debug' } });

export const shard: ShardKey = create(ShardKeySchema, { database: 'postgres', tableGroup: 'default', shard: '0' });

const superuserPassword = 'a superuser';

/** A member of a shard with everything of its own: folder, pgctld, Postgres 17, pooler. What an orchestrator does, the test does. */
export class OwnMember {
  readonly cell: string;
  readonly folder: string;
  readonly postgres: Endpoint;
  readonly #port: number;
  readonly #config: PgctldConfig;
  #pgctld: Pgctld | undefined;
  #pooler: Pooler | undefined;

  private constructor(cell: string, folder: string, port: number, bin: string) {
    this.cell = cell;
    this.folder = folder;
    this.#port = port;
    this.postgres = { kind: 'tcp', host: '127.0.0.1', port };
    const account = unprivilegedAccount();
    this.#config = {
      id: `${cell}/pg`,
      pid: process.pid,
      binDirectory: bin,
      directory: path.join(folder, 'pg'),
      socketDirectory: path.join(folder, 'sockets'),
      port,
      listenAddresses: ['127.0.0.1'],
      maxConnections: 50,
      superuserPassword,
      replicationPassword: 'a replicator',
      member: true,
      keepRunning: true,
      limits: defaultLimits,
      ...(account && { runAs: { uid: account.uid, gid: account.gid } }),
    };
  }

  /** `cell`: its pooler is `pooler` in there. */
  static async start(cell: string): Promise<OwnMember> {
    const { bin } = await ensureTool('postgres-17');
    const folder = mkdtempSync('/tmp/mg-member-');
    chmodSync(folder, 0o755);
    const member = new OwnMember(cell, folder, await freePort(), bin);
    mkdirSync(path.join(folder, 'promises'));
    await member.startPgctld();
    await member.startPooler();
    return member;
  }

  async startPgctld(): Promise<void> {
    this.#pgctld = await startPgctld({ world, rpc: new GrpcTransport(world) }, this.#config, this.#socket('pgctld'));
  }

  async startPooler(): Promise<void> {
    this.#pooler = await startPooler(
      world,
      {
        id: `${this.cell}/pooler`,
        relay: this.#socket('relay'),
        postgres: { kind: 'unix', path: path.join(this.#config.socketDirectory, `.s.PGSQL.${this.#port}`) },
        limits: defaultPoolerLimits,
        member: {
          pooler: { cell: this.cell, name: 'pooler' },
          directory: path.join(this.folder, 'promises'),
          pgctld: this.#socket('pgctld'),
          postgresAddress: this.postgres,
          superuser: 'postgres',
          replication: { user: 'multigres_replication', password: 'a replicator' },
        },
      },
      {
        config: { name: 'pooler', cell: this.cell, shard, rpc: this.#socket('rpc') },
        rpc: new GrpcTransport(world),
      },
    );
  }

  async stopPooler(): Promise<void> {
    await this.#pooler?.stop();
    this.#pooler = undefined;
  }

  get calls(): RpcClient<typeof MemberService> {
    return client(MemberService, new GrpcTransport(world).connect(this.#socket('rpc')));
  }

  async status(): Promise<MemberStatus> {
    const service = client(PoolerService, new GrpcTransport(world).connect(this.#socket('rpc')));
    const { status } = await service.getStatus({}, { deadlineMs: 5_000 });
    if (status?.member === undefined) throw new Error('the pooler is no member');
    return status.member;
  }

  async id(): Promise<MemberId> {
    const { member } = await this.status();
    if (member === undefined) throw new Error('it is nobody yet');
    return member;
  }

  get address(): EndpointMessage {
    return endpointMessage(this.postgres);
  }

  /** At Postgres itself, past every gate. The caller closes it. */
  connect(): Promise<SqlClient> {
    return SqlClient.connect({ port: this.#port, user: 'postgres', database: 'postgres', password: superuserPassword });
  }

  async sql(text: string): Promise<readonly (readonly (string | null)[])[]> {
    const session = await this.connect();
    try {
      return await session.query(text);
    } finally {
      await session.end();
    }
  }

  /** SIGKILL to the postmaster, as if it had crashed. */
  killPostgres(): void {
    const pid = Number(readFileSync(path.join(this.#config.directory, 'data/postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 'SIGKILL');
  }

  /** As if its volume had been taken from an old backup without them. */
  losePromises(): void {
    rmSync(path.join(this.folder, 'promises/member.json'));
  }

  async remove(): Promise<void> {
    await this.stopPooler();
    await this.#pgctld?.hands.stop('immediate').catch(() => undefined);
    await this.#pgctld?.close();
    if (existsSync(this.folder)) rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #socket(name: string): Endpoint {
    return { kind: 'unix', path: path.join(this.folder, `${name}.sock`) };
  }
}
