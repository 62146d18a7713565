import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint } from '@multigres/core';
import { GrpcTransport, HostClock } from '@multigres/host';
import { client, MemberRole, OrchService, PgctldService, PoolerService, type RpcChannel } from '@multigres/rpc';
import { BenchError } from '../errors.ts';
import { freePort } from '../machine/ports.ts';

const root = resolve(import.meta.dirname, '../../../..');
const commandMsMax = 300_000;
const quickMs = 2_000;
const lookMs = 50;

/** As `cluster.json` has it. */
interface Recorded {
  readonly nodes: readonly { readonly suffix: string; readonly cell: string }[];
  readonly orchestrators: readonly { readonly name: string }[];
}

export interface Node {
  readonly index: number;
  readonly pooler: string;
  readonly pgctld: string;
}

/** A cluster of `./mg up` in a folder of our own, in which clients need no password. */
export class LocalCluster {
  readonly port: number;
  readonly nodes: readonly Node[];
  readonly #dir: string;
  readonly #record: Recorded;
  readonly #transport: GrpcTransport = new GrpcTransport({ clock: new HostClock() });

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.port = port;
    this.#record = JSON.parse(readFileSync(join(dir, 'cluster.json'), 'utf8')) as Recorded;
    this.nodes = this.#record.nodes.map(({ suffix }, index) => ({
      index,
      pooler: `pooler${suffix}`,
      pgctld: `pgctld${suffix}`,
    }));
  }

  static async start(dir: string): Promise<LocalCluster> {
    const port = await freePort();
    await run(['up', '--dir', dir, '--port', String(port), '--auth', 'trust']);
    return new LocalCluster(dir, port);
  }

  /** Starts what has died. */
  async complete(): Promise<void> {
    await run(['up', '--dir', this.#dir]);
  }

  /** Everything in turn, as an operator does it. */
  async restartInTurn(): Promise<void> {
    await run(['restart', '--dir', this.#dir]);
  }

  async stop(): Promise<void> {
    await run(['down', '--destroy', '--dir', this.#dir]);
  }

  /** Another leader, as planned. Answers for how long no transaction could begin, as the orchestrator says. */
  switchover(): Promise<number> {
    const { name } = this.#record.orchestrators[0] as { readonly name: string };
    return this.#with(name, async (channel) => {
      const request = { shard: { database: 'postgres', tableGroup: 'default', shard: '0' }, drainMs: 10_000 };
      return (await client(OrchService, channel).switchover(request, { deadlineMs: 60_000 })).pausedMs;
    });
  }

  async leader(): Promise<Node> {
    const open = await this.#open();
    const leader = this.nodes.find(({ pooler }) => open.get(pooler) === 'leader');
    if (leader === undefined) throw new BenchError('the cluster has no leader');
    return leader;
  }

  /** Resolves when somebody leads and all others follow and count. */
  async whole(msMax: number): Promise<void> {
    const untilMs = performance.now() + msMax;
    for (;;) {
      const roles = [...(await this.#open()).values()];
      const isWhole = roles.filter((role) => role === 'leader').length === 1 && !roles.includes('other');
      if (isWhole && roles.length === this.nodes.length) return;
      if (performance.now() > untilMs) throw new BenchError(`the cluster is not whole after ${msMax / 1000} s`);
      await new Promise((done) => setTimeout(done, lookMs));
    }
  }

  /** SIGKILL of its Postgres. */
  async killPostgres(node: Node): Promise<void> {
    process.kill(await this.#postgresPid(node), 'SIGKILL');
  }

  /** SIGKILL of its Postgres, its pooler and its pgctld, at once. */
  async killNode(node: Node): Promise<void> {
    const pids = [await this.#postgresPid(node), this.#componentPid(node.pooler), this.#componentPid(node.pgctld)];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  }

  #componentPid(name: string): number {
    return (JSON.parse(readFileSync(join(this.#dir, 'run', `${name}.json`), 'utf8')) as { readonly pid: number }).pid;
  }

  async #postgresPid(node: Node): Promise<number> {
    const { status } = await this.#with(node.pgctld, (channel) =>
      client(PgctldService, channel).getStatus({}, { deadlineMs: quickMs }),
    );
    if (status === undefined || status.pid === 0) throw new BenchError(`the Postgres of ${node.pgctld} does not run`);
    return status.pid;
  }

  /** What each member is that can be asked. */
  async #open(): Promise<ReadonlyMap<string, 'leader' | 'follower' | 'other'>> {
    const roles = await Promise.all(
      this.nodes.map(async ({ pooler }) => {
        const asked = this.#with(pooler, (channel) =>
          client(PoolerService, channel).getStatus({}, { deadlineMs: quickMs }),
        );
        const member = await asked.then(
          ({ status }) => status?.member,
          () => undefined,
        );
        if (member?.role === MemberRole.LEADER && member.open) return [pooler, 'leader'] as const;
        const follows = member?.role === MemberRole.FOLLOWER && member.following?.streaming && member.following.joined;
        return [pooler, follows ? 'follower' : 'other'] as const;
      }),
    );
    return new Map(roles);
  }

  async #with<T>(component: string, work: (channel: RpcChannel) => Promise<T>): Promise<T> {
    const endpoint: Endpoint = { kind: 'unix', path: join(this.#dir, 'run', `${component}.sock`) };
    const channel = this.#transport.connect(endpoint);
    try {
      return await work(channel);
    } finally {
      channel.close();
    }
  }
}

/** From source if we run from source. */
const entry = import.meta.url.endsWith('.ts') ? 'packages/cli/src/main.ts' : 'packages/cli/dist/main.js';

async function run(args: readonly string[]): Promise<void> {
  const node = [...process.execArgv, '--max-semi-space-size=4', join(root, entry)];
  try {
    await promisify(execFile)(process.execPath, [...node, ...args], { timeout: commandMsMax });
  } catch (error) {
    const { stderr } = error as { readonly stderr?: string };
    const quoted = (stderr ?? String(error)).trim().split('\n').slice(-12);
    throw new BenchError(`./mg ${args[0]} failed`, { quoted });
  }
}
